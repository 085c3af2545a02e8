import { ConfigurationError } from '../kernel/index.js'
import type { Schedule, ScheduleContext } from '../schedule/index.js'
import { backfillOf, type Entry } from '../schedule-store/index.js'
import { jitterOf, tickId } from './tick-id.js'

/** One run that is due. */
export interface Tick {
  /** The instant given by the schedule, Unix ms. */
  readonly tickMs: number
  readonly taskId: string
}

/** The actions for an entry now, and when to check again. */
export interface Plan {
  /** Oldest first. */
  readonly ticks: readonly Tick[]
  readonly cursorMs: number
  readonly anchorMs: number
  /** Unix ms; undefined = nothing will ever be due. */
  readonly nextMs: number | undefined
  /** The oldest run that was too late for its own tick, if there was one. */
  readonly missedSinceMs?: number
  /** The clock is behind the settled position: it was set back, and the entry follows it. */
  readonly isSetBack?: true
}

/** The inputs of a plan other than the entry. */
export interface PlanContext {
  /** Names the app that owns the entries. */
  readonly space: string
  readonly nowMs: number
  /** The default for entries that have none of their own. */
  readonly timeZone: string
}

/** Machines' clocks differ; a cursor this far ahead was set by another machine, not by a clock that was set back. */
const CLOCK_TOLERANCE_MS = 60_000
/** Maximum number of runs of one plan; the rest follows in the next. */
const MOST_TICKS = 1_000

/** Decides what is due. Pure: the same entry at the same time gives the same plan on every beat. */
export function planEntry(entry: Entry, schedule: Schedule, context: PlanContext): Plan {
  const { nowMs } = context
  const { anchorMs, cursorMs } = entry.state
  const ticks = new Ticks(entry, schedule, context)
  const settled = { ticks: [], cursorMs, anchorMs }
  if (!entry.definition.enabled || entry.removed) return { ...settled, nextMs: undefined }
  if (cursorMs > nowMs + CLOCK_TOLERANCE_MS) {
    return {
      ...settled,
      cursorMs: nowMs,
      anchorMs: Math.min(anchorMs, nowMs),
      nextMs: nowMs,
      isSetBack: true,
    }
  }
  const first = ticks.after(cursorMs)
  if (first === undefined) return { ...settled, nextMs: undefined }
  if (ticks.dueMs(first) > nowMs) return { ...settled, nextMs: ticks.dueMs(first) }

  const { missed, missedAfterMs, jitterMs } = entry.definition
  const freshFromMs = nowMs - missedAfterMs - jitterMs
  if (first >= freshFromMs) return { anchorMs, ...ticks.due(cursorMs) }
  const late = { anchorMs, missedSinceMs: first }
  if (missed === 'skip') return { ...late, ...ticks.due(freshFromMs - 1) }
  if (missed === 'once') return { ...late, ...ticks.due(ticks.newestDue(first) - 1) }
  const again = ticks.newest(backfillOf(missed), first, freshFromMs)
  const fresh = ticks.due(freshFromMs - 1)
  return { ...late, ...fresh, ticks: [...again.map((tickMs) => ticks.tick(tickMs)), ...fresh.ticks] }
}

/** When an entry is next due, for listings; undefined = never, or not in its current form. */
export function nextDueMs(entry: Entry, schedule: Schedule, context: PlanContext): number | undefined {
  if (!entry.definition.enabled || entry.removed) return undefined
  const ticks = new Ticks(entry, schedule, context)
  const next = ticks.after(Math.max(entry.state.cursorMs, context.nowMs))
  return next === undefined ? undefined : ticks.dueMs(next)
}

/** The due instants of one entry. */
class Ticks {
  readonly #entry: Entry
  readonly #schedule: Schedule
  readonly #context: PlanContext
  readonly #zone: ScheduleContext

  constructor(entry: Entry, schedule: Schedule, context: PlanContext) {
    this.#entry = entry
    this.#schedule = schedule
    this.#context = context
    this.#zone = {
      anchorMs: entry.state.anchorMs,
      timeZone: entry.definition.timezone ?? context.timeZone,
    }
  }

  after(ms: number): number | undefined {
    const next = this.#schedule.next(ms, this.#zone)
    if (next === undefined || (Number.isSafeInteger(next) && next > ms)) return next
    // Only a user-defined kind can do that; beat would never finish with it.
    throw new ConfigurationError(
      `Its schedule (${this.#schedule.kind}) returned ${next} as the time after ${ms}.`,
      {
        code: 'LVG_SCHEDULE_INVALID',
        details: { entry: this.#entry.name, kind: this.#schedule.kind, afterMs: ms, next },
        hint: '`next` must return whole milliseconds later than `afterMs`, or undefined.',
      },
    )
  }

  tick(tickMs: number): Tick {
    return { tickMs, taskId: tickId(this.#context.space, this.#entry.name, tickMs) }
  }

  /** When the run of a tick is to be created. */
  dueMs(tickMs: number): number {
    const { jitterMs } = this.#entry.definition
    return jitterMs === 0 ? tickMs : tickMs + jitterOf(this.tick(tickMs).taskId, jitterMs)
  }

  /** The ticks due after `fromMs`, in order: a tick waits for those before it. */
  due(fromMs: number): Pick<Plan, 'ticks' | 'cursorMs' | 'nextMs'> {
    const ticks: Tick[] = []
    let cursorMs = fromMs
    for (;;) {
      const next = this.after(cursorMs)
      const nextMs = next === undefined ? undefined : this.dueMs(next)
      if (next === undefined || nextMs === undefined || nextMs > this.#context.nowMs)
        return { ticks, cursorMs, nextMs }
      if (ticks.length === MOST_TICKS) return { ticks, cursorMs, nextMs: this.#context.nowMs }
      ticks.push(this.tick(next))
      cursorMs = next
    }
  }

  /** The newest due tick, given one that is due. */
  newestDue(due: number): number {
    for (
      let newest = this.#newest(due, this.#context.nowMs);
      newest > due;
      newest = this.#newest(due, newest - 1)
    ) {
      if (this.dueMs(newest) <= this.#context.nowMs) return newest
    }
    return due
  }

  /** The newest `count` ticks from `first` on that are earlier than `beforeMs`; oldest first. */
  newest(count: number, first: number, beforeMs: number): readonly number[] {
    const last = this.#newest(first, beforeMs - 1)
    const gapMs = last - (last > first ? this.#newest(first, last - 1) : first)
    // Schedules are mostly even: go back as far as `count` equal gaps, then twice, four times as far if they are not.
    for (let backMs = Math.max(gapMs * count, 1); ; backMs *= 2) {
      const fromMs = Math.max(first - 1, last - backMs)
      const found: number[] = []
      for (let tick = this.after(fromMs); tick !== undefined && tick < beforeMs; tick = this.after(tick))
        found.push(tick)
      if (found.length >= count || fromMs === first - 1) return found.slice(-count)
    }
  }

  /** The newest tick until `untilMs`, given an earlier one; by bisection, so that a long downtime costs no more than a short one. */
  #newest(tick: number, untilMs: number): number {
    let newest = tick
    let barren = untilMs
    while (barren - newest > 1) {
      const middle = Math.floor((newest + barren) / 2)
      const next = this.after(middle)
      if (next !== undefined && next <= untilMs) newest = next
      else barren = middle
    }
    const next = this.after(newest)
    return next !== undefined && next <= untilMs ? next : newest
  }
}
