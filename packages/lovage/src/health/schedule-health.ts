import type { AppCore } from '../app/core/index.js'
import { type ScheduleView, schedulesOfFleet } from '../beat/index.js'

/** An entry of the schedule, and whether a beat serves it. */
export interface EntryHealth {
  readonly name: string
  readonly task: string
  /**
   * `overdue`: it is due and no beat has sent it; `unread`: it is in the code, and no beat has read it; `broken`: it cannot run, see
   * `trouble`; `disabled`: an operator, or the code, has disabled it.
   */
  readonly status: 'on time' | 'overdue' | 'unread' | 'broken' | 'disabled'
  /** Seconds since it was due; null unless it is overdue. */
  readonly overdueSeconds: number | null
  /** ISO 8601; null = never. */
  readonly nextAt: string | null
  /** ISO 8601; null = not yet. */
  readonly lastRunAt: string | null
  readonly trouble: string | null
}

/**
 * Returns the health of the schedule: whether a beat sends due entries. An entry is overdue when it was due more than `graceS` seconds
 * ago. Empty where the schedule is in a local file, which may be on another machine.
 */
export async function scheduleHealth(app: AppCore, graceS: number): Promise<readonly EntryHealth[]> {
  const schedules = await schedulesOfFleet(app)
  if (!schedules) return []
  await using open = schedules
  const mine = app.periodicTasks.all()
  const nowMs = app.clock.now()
  // Celery's own clean-up is in every schedule, even when no other entry is.
  const views = (await open.list()).filter(({ name, isStored }) => isStored || mine.has(name))
  return views.filter(({ removed }) => !removed).map((view) => healthOf(view, nowMs, graceS))
}

function healthOf(view: ScheduleView, nowMs: number, graceS: number): EntryHealth {
  const { name, task, enabled, nextMs, lastRunMs, owedSinceMs, isStored, trouble } = view
  const lateS = owedSinceMs === undefined ? 0 : Math.floor((nowMs - owedSinceMs) / 1000)
  const isOverdue = lateS > graceS
  return {
    name,
    task,
    status:
      trouble !== undefined
        ? 'broken'
        : !enabled
          ? 'disabled'
          : !isStored
            ? 'unread'
            : isOverdue
              ? 'overdue'
              : 'on time',
    overdueSeconds: isOverdue ? lateS : null,
    nextAt: timeOf(nextMs),
    lastRunAt: timeOf(lastRunMs),
    trouble: trouble ?? null,
  }
}

/** Judges the entries. Pure. */
export function scheduleReasons(entries: readonly EntryHealth[]): readonly string[] {
  const unread = entries.filter(({ status }) => status === 'unread').map(({ name }) => name)
  return [
    ...entries.flatMap(({ name, status, overdueSeconds, trouble }) => {
      if (status === 'overdue')
        return [`${name} was due ${overdueSeconds} s ago and was not sent: no beat leads`]
      return status === 'broken' ? [`${name} cannot run: ${trouble}`] : []
    }),
    ...(unread.length === 0
      ? []
      : [`no beat has loaded the schedule from the code: ${some(unread)} will not run`]),
  ]
}

const SHOWN = 5

const some = (names: readonly string[]): string =>
  names.length <= SHOWN
    ? names.join(', ')
    : `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more`

const timeOf = (ms: number | null | undefined): string | null =>
  ms === null || ms === undefined ? null : new Date(ms).toISOString()
