import { type CoordinationStore, type Lease, waitForLease } from '../coordination/index.js'
import { type Clock, counted, crashPoint, delay, type Logger, messageOf } from '../kernel/index.js'
import { readSchedule, type Schedule, type ScheduleKinds } from '../schedule/index.js'
import { advanced, type Entry, type EntryDefinition, type ScheduleStore } from '../schedule-store/index.js'
import { Alarm } from './alarm.js'
import { makeRuns, type Planned } from './make-runs.js'
import { mergeCode } from './merge-code.js'
import { type Plan, type PlanContext, planEntry } from './plan.js'
import type { BeatSender } from './sender.js'

/** Dependencies of a beat. It closes none of them. */
/** How often a beat looks, and how soon it is replaced. */
export interface BeatTuning {
  /** The entries are read again at least this often, whatever the store reports. Default 300 000. */
  readonly maxIntervalMs?: number
  /** A dead leader is replaced after this long, plus a third. Default 6 000. */
  readonly leaseMs?: number
  /** How soon a change of the machine's clock is noticed. Default 2 000. */
  readonly clockCheckMs?: number
  /** A clock that no one can set, in ms; a test may supply its own. */
  readonly monotonicMs?: () => number
}

/** Options of a beat. */
export interface BeatOptions extends BeatTuning {
  /** Names the app that owns the entries: beats of one space elect one leader. */
  readonly space: string
  readonly store: ScheduleStore
  readonly coordination: CoordinationStore
  readonly sender: BeatSender
  /** The code's current entries; called whenever the entries are read. */
  readonly codeEntries: () => ReadonlyMap<string, EntryDefinition>
  readonly kinds?: ScheduleKinds
  /** IANA name; default `UTC`. */
  readonly timeZone?: string
  /** Unique in the fleet, new at every start. */
  readonly holder: string
  readonly clock: Clock
  readonly logger: Logger
}

/** A beat's status. */
export interface BeatStatus {
  readonly leads: boolean
  /** Number of entries it watches; 0 on a standby. */
  readonly entries: number
  /** Unix ms of its next action; undefined on a standby, and when nothing will ever be due. */
  readonly nextMs: number | undefined
  /** Why its last attempt failed; undefined if it succeeded. */
  readonly trouble: string | undefined
}

/** An entry under watch. */
interface Watched {
  readonly entry: Entry
  readonly schedule: Schedule
  readonly lookAtMs: number
}

const LONGEST_RETRY_MS = 30_000

/**
 * Creates the runs of due entries, alongside any number of other beats, one of which leads.
 *
 * Promise 1: a due instant is published at most once where the broker remembers keys (`capabilities.once`), and at
 * least once if a beat is alive within `missedAfterMs`; a crash between any two lines changes neither.
 * Promise 2: a leader that was presumed dead and wakes up changes nothing in the store.
 * Promise 3: no entry waits for another that cannot be sent or read.
 *
 * @example
 * import { openBeat } from 'lovage'
 * const { beat } = await openBeat(app)
 */
export class Beat {
  readonly #options: BeatOptions
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined
  #leads = false
  #watched: readonly Watched[] = []
  #trouble: string | undefined
  #code: ReadonlyMap<string, EntryDefinition> | undefined
  /** Entries whose schedule is broken, by the revision for which this was reported. */
  readonly #faulty = new Map<string, number>()

  constructor(options: BeatOptions) {
    this.#options = options
  }

  /** Stands for election and creates runs while it leads; resolves when stopped. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#run()
    return this.#running
  }

  /** Finishes the current send, then releases the lead. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  get status(): BeatStatus {
    const nextMs = this.#nextMs()
    return {
      leads: this.#leads,
      entries: this.#watched.length,
      nextMs: Number.isFinite(nextMs) ? nextMs : undefined,
      trouble: this.#trouble,
    }
  }

  async #run(): Promise<void> {
    // Node's timers do not keep the process alive; a beat with nothing to do until tomorrow must stay.
    const alive = setInterval(() => {}, 2 ** 30)
    try {
      while (!this.#stop.signal.aborted) {
        const { space, leaseMs = 6_000 } = this.#options
        const term = await waitForLease(
          { ...this.#options, lease: `beat:${space}`, label: 'the leadership of beat', leaseMs },
          this.#stop.signal,
        )
        if (!term) break
        await this.#serve(term)
        // Another beat that took the lead should keep it; after an outage there is no hurry either.
        await delay(this.#options.clock, leaseMs / 3, this.#stop.signal).catch(() => {
          // Aborted: the loop's condition handles it.
        })
      }
    } finally {
      clearInterval(alive)
    }
  }

  async #serve(term: Lease): Promise<void> {
    const { logger } = this.#options
    logger.info({ token: String(term.token) }, 'beat: Leading.')
    crashPoint('beat:elected')
    this.#leads = true
    try {
      await this.#lead(term)
    } finally {
      this.#leads = false
      this.#watched = []
      logger.info({ token: String(term.token) }, 'beat: No longer the leader.')
      await term.release().catch((error: unknown) => {
        logger.warn(
          { err: error },
          `beat: Cannot release the leadership, which expires by itself: ${messageOf(error)}`,
        )
      })
    }
  }

  async #lead(term: Lease): Promise<void> {
    const { store, clock, logger, maxIntervalMs = 300_000, clockCheckMs = 2_000 } = this.#options
    using alarm = new Alarm(clock, clockCheckMs, [this.#stop.signal, term.signal])
    // The store may have been changed at any time since a previous term.
    let isStale = true
    const unwatch = store.watch(() => {
      isStale = true
      alarm.ring()
    })
    let reloadMs = 0
    try {
      for (let failures = 0; !alarm.isOver; ) {
        try {
          if (isStale || clock.now() >= reloadMs) {
            isStale = false
            await this.#load()
            reloadMs = clock.now() + maxIntervalMs
          }
          const round = await this.#round(term)
          if (round === 'deposed') return
          isStale ||= round === 'stale'
          failures = 0
          this.#trouble = undefined
          await alarm.until(Math.min(this.#nextMs(), reloadMs), () => isStale)
        } catch (error) {
          this.#trouble = messageOf(error)
          const retryMs = Math.min(LONGEST_RETRY_MS, 500 * 2 ** failures++)
          logger.error({ err: error, retryMs }, `beat: ${this.#trouble}; trying again.`)
          isStale = true
          await alarm.until(clock.now() + retryMs, () => false)
        }
      }
    } finally {
      unwatch()
    }
  }

  /** Reads the entries, after merging the code's. */
  async #load(): Promise<void> {
    const { store, clock, logger } = this.#options
    const stored = await store.load()
    const { puts, deletes, notes } = mergeCode(stored, this.#codeEntries(), clock.now())
    for (const note of notes) logger.warn({}, `beat: ${note}`)
    if (deletes.length > 0) await store.delete(deletes)
    if (puts.length > 0) await store.put(puts)
    const entries = puts.length + deletes.length > 0 ? await store.load() : stored
    this.#watched = entries.flatMap((entry) => {
      const schedule = this.#readSchedule(entry)
      return schedule ? [{ entry, schedule, lookAtMs: 0 }] : []
    })
  }

  /** The code's entries; its previous ones if they have become invalid since. */
  #codeEntries(): ReadonlyMap<string, EntryDefinition> {
    try {
      this.#code = this.#options.codeEntries()
    } catch (error) {
      if (!this.#code) throw error
      this.#options.logger.error({ err: error }, `beat: An entry in the code is invalid: ${messageOf(error)}`)
    }
    return this.#code
  }

  #readSchedule(entry: Entry): Schedule | undefined {
    try {
      return readSchedule(entry.definition.schedule, this.#options.kinds)
    } catch (error) {
      this.#sayOnce(entry, error)
      return undefined
    }
  }

  #plan({ entry, schedule }: Watched, context: PlanContext): Plan {
    try {
      return planEntry(entry, schedule, context)
    } catch (error) {
      this.#sayOnce(entry, error)
      const { cursorMs, anchorMs } = entry.state
      return { ticks: [], cursorMs, anchorMs, nextMs: context.nowMs + LONGEST_RETRY_MS }
    }
  }

  #sayOnce({ name, revision }: Entry, error: unknown): void {
    if (this.#faulty.get(name) === revision) return
    this.#faulty.set(name, revision)
    this.#options.logger.error({ err: error, entry: name }, `beat: ${name} cannot run: ${messageOf(error)}`)
  }

  /** Creates the runs that are due now. Entries that are not due are not examined. */
  async #round(term: Lease): Promise<'deposed' | 'stale' | 'settled'> {
    const { space, store, clock, logger, sender, timeZone = 'UTC' } = this.#options
    const nowMs = clock.now()
    const context = { space, nowMs, timeZone }
    const planned = this.#watched.map((watched) =>
      watched.lookAtMs > nowMs && watched.entry.state.cursorMs <= nowMs
        ? { ...watched, plan: undefined }
        : { ...watched, plan: this.#plan(watched, context) },
    )
    this.#watched = planned.map(({ plan, ...watched }) =>
      plan ? { ...watched, lookAtMs: plan.nextMs ?? Number.POSITIVE_INFINITY } : watched,
    )
    const moving = planned.flatMap(({ entry, plan }): Planned[] =>
      plan && (plan.ticks.length > 0 || plan.cursorMs !== entry.state.cursorMs) ? [{ entry, plan }] : [],
    )
    if (moving.length === 0) return 'settled'
    // A process that was stopped or starved may find that its lease has expired.
    if (!term.isHeld()) return 'deposed'
    const advances = await makeRuns(moving, { sender, logger, nowMs })
    const { fenced, written } = await store.advance(advances, term.token)
    crashPoint('beat:after-advance')
    if (fenced) {
      logger.warn({ token: String(term.token) }, 'beat: A newer leader has taken over.')
      return 'deposed'
    }
    const done = new Map(
      advances.flatMap((advance, index) => (written[index] ? [[advance.name, advance] as const] : [])),
    )
    this.#watched = this.#watched.map((watched) => {
      const advance = done.get(watched.entry.name)
      return advance
        ? { ...watched, entry: { ...watched.entry, state: advanced(watched.entry.state, advance) } }
        : watched
    })
    if (advances.length < moving.length)
      throw new Error(`${counted(moving.length - advances.length, 'entry', 'entries')} could not be sent`)
    // An entry was changed meanwhile: its runs are created, under its old definition, and its new one must be read.
    return done.size < moving.length ? 'stale' : 'settled'
  }

  #nextMs(): number {
    return this.#watched.reduce(
      (earliest, { lookAtMs }) => Math.min(earliest, lookAtMs),
      Number.POSITIVE_INFINITY,
    )
  }
}
