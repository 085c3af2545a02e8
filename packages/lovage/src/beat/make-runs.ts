import { crashPoint, isLovageError, type Logger, messageOf } from '../kernel/index.js'
import type { Advance, Entry } from '../schedule-store/index.js'
import type { Plan, Tick } from './plan.js'
import type { BeatSender, DueTask } from './sender.js'

/** An entry that needs an action. */
export interface Planned {
  readonly entry: Entry
  readonly plan: Plan
}

/** Dependencies for creating runs. */
export interface MakeContext {
  readonly sender: BeatSender
  readonly logger: Logger
  readonly nowMs: number
}

/**
 * How long a broker remembers that it accepted a tick: longer than any pause after which a leader could believe that it
 * still leads, and longer than the clock is likely to be set back.
 */
const ONCE_MS = 3_600_000

/**
 * Publishes due runs and returns the advances to store. Entries that could not be sent are not among them:
 * they are still due.
 *
 * Publish first, advance after: a crash in between publishes the same task id under the same key again, which the
 * broker drops. The other order would lose the run.
 */
export async function makeRuns(
  planned: readonly Planned[],
  context: MakeContext,
): Promise<readonly Advance[]> {
  const { ready, busy } = await withoutOverlap(planned, context)
  const runs = ready.map(({ entry, plan }) => ({
    entry,
    plan,
    ticks: ticksToMake(entry, plan, busy, context),
  }))
  const tasks = runs.flatMap(({ entry, ticks }) => ticks.map((tick) => dueTask(entry, tick)))
  crashPoint('beat:before-publish')
  const { refused, failed } = await sendAll(tasks, context)
  crashPoint('beat:after-publish')
  return runs
    .filter(({ entry }) => !failed.has(entry.name))
    .map(({ entry, plan, ticks }) => {
      const last = ticks.at(-1)
      const isMade = last !== undefined && !refused.has(entry.name)
      return {
        name: entry.name,
        fromCursorMs: entry.state.cursorMs,
        cursorMs: plan.cursorMs,
        anchorMs: plan.anchorMs,
        ...(isMade
          ? { run: { tickMs: last.tickMs, atMs: context.nowMs, taskId: last.taskId, count: ticks.length } }
          : {}),
      }
    })
}

/** The message of a run, created by a tick or by hand. */
export function dueTask(
  { name, definition }: Entry,
  { tickMs, taskId }: Pick<Tick, 'taskId'> & Partial<Tick>,
): DueTask {
  const { task, args, kwargs, options } = definition
  const once = tickMs === undefined ? {} : { once: { key: `beat:${taskId}`, ttlMs: ONCE_MS } }
  return { entry: name, task, id: taskId, args, kwargs, options, ...once }
}

/** Which last runs are unfinished; entries for which this cannot be determined now are left for later. */
async function withoutOverlap(
  planned: readonly Planned[],
  { sender, logger, nowMs }: MakeContext,
): Promise<{ readonly ready: readonly Planned[]; readonly busy: ReadonlySet<string> }> {
  const isAsked = ({ entry: { definition, state }, plan }: Planned): boolean =>
    definition.overlap === 'skip' &&
    plan.ticks.length > 0 &&
    state.lastRunMs !== null &&
    nowMs - state.lastRunMs < definition.overlapTimeoutMs
  const asked = planned.filter(isAsked)
  if (asked.length === 0) return { ready: planned, busy: new Set() }
  try {
    const busy = await sender.unfinished(asked.flatMap(({ entry }) => entry.state.lastTaskId ?? []))
    return { ready: planned, busy }
  } catch (error) {
    const names = asked.map(({ entry }) => entry.name).join(', ')
    logger.error({ err: error }, `beat: Cannot determine whether ${names} still run: ${messageOf(error)}`)
    return { ready: planned.filter((one) => !isAsked(one)), busy: new Set() }
  }
}

function ticksToMake(
  entry: Entry,
  plan: Plan,
  busy: ReadonlySet<string>,
  { logger, nowMs }: MakeContext,
): readonly Tick[] {
  const { name, definition, state } = entry
  if (plan.isSetBack) {
    logger.warn(
      { entry: name },
      `beat: The clock was set back; ${name} continues from ${new Date(nowMs).toISOString()}.`,
    )
  }
  if (plan.missedSinceMs !== undefined) {
    const since = new Date(plan.missedSinceMs).toISOString()
    logger.warn(
      { entry: name, made: plan.ticks.length },
      `beat: ${name} missed its runs since ${since}; ${plan.ticks.length} sent now.`,
    )
  }
  if (definition.overlap === 'allow' || plan.ticks.length === 0) return plan.ticks
  if (state.lastTaskId !== null && busy.has(state.lastTaskId)) {
    logger.info(
      { entry: name, taskId: state.lastTaskId },
      `beat: ${name} is skipped: its last run has not finished.`,
    )
    return []
  }
  // If several ran at once, each would be unfinished when the next starts.
  return plan.ticks.slice(-1)
}

interface Sent {
  /** Entries whose message no broker will ever accept as it is: they wait for their next tick, as in Celery. */
  readonly refused: ReadonlySet<string>
  /** Entries that may be sent later. */
  readonly failed: ReadonlySet<string>
}

async function sendAll(tasks: readonly DueTask[], { sender, logger }: MakeContext): Promise<Sent> {
  const refused = new Set<string>()
  const failed = new Set<string>()
  for (const { entry, task, id } of tasks) {
    logger.info({ entry, task, id }, `Scheduler: Sending due task ${entry} (${task})`)
  }
  if (tasks.length === 0) return { refused, failed }
  try {
    await sender.send(tasks)
    return { refused, failed }
  } catch (error) {
    if (isOutage(error)) throw error
  }
  // One of them is faulty: the others must not wait for it. Runs already sent are dropped by their key.
  for (const task of tasks) {
    if (failed.has(task.entry)) continue
    try {
      await sender.send([task])
    } catch (error) {
      if (isOutage(error)) throw error
      logger.error({ err: error, entry: task.entry }, `beat: Cannot send ${task.entry}: ${messageOf(error)}`)
      ;(isLovageError(error) ? refused : failed).add(task.entry)
    }
  }
  return { refused, failed }
}

/** Whether the broker, not the message, is at fault. */
const isOutage = (error: unknown): boolean =>
  isLovageError(error) && /^LVG_(?:CONNECTION|STORE)_/.test(error.code)
