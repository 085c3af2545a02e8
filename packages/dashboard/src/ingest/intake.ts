import type { Event, Lovage, SeenWorker, Timer, Unsubscribe } from 'lovage'
import { ClusterState } from 'lovage/monitor'
import type { Gap } from '../history/gap.js'
import type { HistoryStore, Retention } from '../history/history-store.js'
import { Gathering, type GatheringOptions } from './gathering.js'
import { WorkerVoices } from './worker-voices.js'

/** The options for listening to a fleet. */
export interface IntakeOptions extends GatheringOptions {
  readonly retention?: Partial<Retention>
  /** The most nodes remembered. Default 5,000. */
  readonly maxWorkers?: number
  /** Seconds after which a node that is gone is forgotten. Default 86,400. */
  readonly forgetWorkersAfter?: number
}

const DAY_MS = 86_400_000
const RETENTION: Retention = {
  taskMs: 30 * DAY_MS,
  taskRows: 1_000_000,
  minuteMs: 2 * DAY_MS,
  hourMs: 400 * DAY_MS,
  auditMs: 400 * DAY_MS,
}
/** How long events are gathered before a write. */
const GATHER_MS = 200
/** The same while only heartbeats come: of fifty workers, they come all the time, and change no row. */
const QUIET_MS = 2_000
/** Tasks per transaction: it blocks the event loop for a few tens of milliseconds. */
const SLICE = 500
const PRUNE_MS = 60_000
/** An event of our own checks that events arrive: its interval and its timeout. */
const PROBE_MS = 10_000
const PROBE_PATIENCE_MS = 5_000
const PROBE = 'lovage-dashboard-probe'
/** The period over which the event rate is measured. */
const RATE_MS = 10_000
const LONGEST_RETRY_MS = 10_000
/** Shorter outages are not recorded as gaps. */
const SHORTEST_GAP_MS = 3_000

/** Listens to a fleet's events, and writes them to its history in batches. */
export class Intake {
  readonly gathering: Gathering
  readonly #app: Lovage
  readonly #store: HistoryStore
  readonly #retention: Retention
  readonly #cluster: ClusterState
  readonly #voices = new WorkerVoices()
  readonly #onGap: (gap: Gap) => void
  #unsubscribe: Unsubscribe | undefined
  #timers: Timer[] = []
  #gatherTimer: Timer | undefined
  #gatherDueMs = 0
  #writing: Promise<void> | undefined
  #isStopped = false
  #retryMs = GATHER_MS
  readonly #counts = { received: 0, unreadable: 0, dropped: 0 }
  readonly #listeners = new Set<() => void>()
  /** When the last event arrived; and since when none arrive, or none can be written. */
  #heardMs = 0
  #deafSinceMs: number | undefined
  #blockedSinceMs: number | undefined
  #blockedBy: unknown
  #tooFast: Gap | undefined
  #rate: readonly [atMs: number, received: number] = [0, 0]

  /** @param onGap Called for each gap when it has ended, to fill it. */
  constructor(app: Lovage, store: HistoryStore, options: IntakeOptions, onGap: (gap: Gap) => void) {
    const { retention, maxWorkers = 5_000, forgetWorkersAfter = 86_400, ...gathering } = options
    this.#app = app
    this.#store = store
    this.#retention = { ...RETENTION, ...retention }
    this.#cluster = new ClusterState({ maxTasks: 1, maxWorkers, forgetWorkersAfter })
    this.gathering = new Gathering(gathering)
    this.#onGap = onGap
  }

  /** Starts listening. An unreachable broker is retried until it is available. */
  async start(): Promise<void> {
    const nowMs = this.#app.clock.now()
    const until = await this.#store.heardUntil()
    if (until !== undefined && nowMs - until > SHORTEST_GAP_MS)
      await this.#tellGap({ fromMs: until, toMs: nowMs, reason: 'down', lostEvents: null, filled: 0 })
    this.#heardMs = nowMs
    this.#rate = [nowMs, 0]
    this.#every(PRUNE_MS, () => this.#store.prune(this.#retention, this.#app.clock.now()))
    await this.#listen()
  }

  /** Writes pending events, and stops listening. */
  async stop(): Promise<void> {
    this.#unsubscribe?.()
    for (const timer of this.#timers) timer.cancel()
    this.#gatherTimer?.cancel()
    await this.#writing
    this.#isStopped = true
    await this.flush()
  }

  get counts(): { readonly received: number; readonly unreadable: number; readonly dropped: number } {
    return this.#counts
  }
  /** Since when no events have arrived, Unix ms. */
  get deafSinceMs(): number | undefined {
    return this.#deafSinceMs
  }
  /** Since when the history cannot be written, and the error. */
  get blocked(): { readonly sinceMs: number; readonly by: unknown } | undefined {
    return this.#blockedSinceMs === undefined
      ? undefined
      : { sinceMs: this.#blockedSinceMs, by: this.#blockedBy }
  }
  /** Events per second, over the last few seconds. */
  perSecond(): number {
    const nowMs = this.#app.clock.now()
    const [atMs, received] = this.#rate
    const spanMs = nowMs - atMs
    if (spanMs > RATE_MS) this.#rate = [nowMs, this.#counts.received]
    return spanMs > 0 ? ((this.#counts.received - received) * 1000) / spanMs : 0
  }
  workers(): readonly SeenWorker[] {
    return this.#cluster.workers(this.#app.clock.now())
  }
  /** Whether a worker sends task events; undefined until known. */
  tellsOfTasks(hostname: string): boolean | undefined {
    return this.#voices.tellsOfTasks(hostname)
  }
  /** Calls back after each write. */
  onChange(on: () => void): Unsubscribe {
    this.#listeners.add(on)
    return () => void this.#listeners.delete(on)
  }

  /** Writes all pending events. @throws What the store throws. */
  async flush(): Promise<void> {
    do await this.#writeSlice()
    while (!this.gathering.isEmpty)
  }

  async #listen(): Promise<void> {
    try {
      this.#unsubscribe = await this.#app.events.listen({
        onEvents: (events) => this.#hear(events),
        onUnreadable: () => void this.#counts.unreadable++,
      })
      await this.#app.control.heartbeat()
      this.#probe()
    } catch (error) {
      this.#deafSinceMs ??= this.#app.clock.now()
      this.#app.logger.warn({ err: error }, 'the dashboard cannot subscribe to events; retrying')
      this.#after(PROBE_PATIENCE_MS, () => this.#listen())
    }
  }

  #hear(events: readonly Event[]): void {
    const nowMs = this.#app.clock.now()
    this.#heardMs = nowMs
    let isQuiet = true
    for (const event of events) {
      this.#counts.received++
      if (event.type !== 'worker-heartbeat') isQuiet = false
      const isTask = this.gathering.add(event, nowMs)
      if (!isTask) this.#cluster.add(event, nowMs)
      this.#voices.hear(event, isTask)
    }
    this.#noteDropped(nowMs)
    this.#writeIn(isQuiet ? QUIET_MS : GATHER_MS)
  }

  /** Sees to it that what is gathered is written in this time at the latest; while it cannot be, at the time of the next try. */
  #writeIn(ms: number): void {
    const dueMs = this.#app.clock.now() + ms
    if (this.#gatherTimer) {
      if (dueMs >= this.#gatherDueMs || this.#blockedSinceMs !== undefined) return
      this.#gatherTimer.cancel()
    }
    this.#gatherDueMs = dueMs
    this.#gatherTimer = this.#app.clock.setTimer(() => this.#write(), ms)
  }

  #noteDropped(nowMs: number): void {
    const dropped = this.gathering.takeDropped()
    if (dropped === 0) return
    this.#counts.dropped += dropped
    const fromMs = this.#tooFast?.fromMs ?? nowMs
    const lostEvents = (this.#tooFast?.lostEvents ?? 0) + dropped
    this.#tooFast = { fromMs, toMs: nowMs, reason: 'too-fast', lostEvents, filled: 0 }
  }

  #write(): void {
    this.#gatherTimer = undefined
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
  }

  async #writeAll(): Promise<void> {
    try {
      await this.flush()
      this.#retryMs = GATHER_MS
      await this.#tellBlocked()
    } catch (error) {
      this.#blockedSinceMs ??= this.#app.clock.now()
      this.#blockedBy = error
      this.#app.logger.error({ err: error }, 'the history cannot be written; new events wait in memory')
      this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS)
      if (!this.#isStopped) this.#writeIn(this.#retryMs)
    }
  }

  async #writeSlice(): Promise<void> {
    const { tasks, rollups } = this.gathering.take(SLICE)
    try {
      await this.#store.write({ tasks, rollups, heardUntilMs: this.#heardMs })
    } catch (error) {
      // Newer records of these tasks are merged with those put back; the next write adds both up.
      this.gathering.putBack(tasks, rollups)
      throw error
    }
    for (const listener of this.#listeners) listener()
    // Yields to requests and incoming events.
    await new Promise((resolve) => setImmediate(resolve))
  }

  async #tellBlocked(): Promise<void> {
    if (this.#blockedSinceMs !== undefined) {
      this.#blockedSinceMs = undefined
      this.#blockedBy = undefined
    }
    const gap = this.#tooFast
    this.#tooFast = undefined
    if (gap) await this.#tellGap(gap)
  }

  /** Sends an event of our own, and waits for it: only an arriving event proves that events arrive. */
  #probe(): void {
    if (this.#isStopped) return
    const sentMs = this.#app.clock.now()
    this.#app.events.send(PROBE)
    this.#after(PROBE_PATIENCE_MS, async () => {
      const isHeard = this.#heardMs >= sentMs
      if (!isHeard) this.#deafSinceMs ??= this.#heardMs
      else if (this.#deafSinceMs !== undefined) {
        const fromMs = this.#deafSinceMs
        this.#deafSinceMs = undefined
        await this.#tellGap({
          fromMs,
          toMs: this.#heardMs,
          reason: 'broker-lost',
          lostEvents: null,
          filled: 0,
        })
      }
      this.#after(isHeard ? PROBE_MS - PROBE_PATIENCE_MS : 0, () => this.#probe())
    })
  }

  async #tellGap(gap: Gap): Promise<void> {
    await this.#store.putGap(gap)
    this.#onGap(gap)
  }

  #after(ms: number, work: () => unknown): void {
    const timer = this.#app.clock.setTimer(() => {
      this.#timers = this.#timers.filter((one) => one !== timer)
      if (!this.#isStopped) void this.#guarded(work)
    }, ms)
    this.#timers.push(timer)
  }

  #every(ms: number, work: () => unknown): void {
    this.#after(ms, async () => {
      await this.#guarded(work)
      this.#every(ms, work)
    })
  }

  async #guarded(work: () => unknown): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#app.logger.error({ err: error }, 'background work of the dashboard has failed')
    }
  }
}
