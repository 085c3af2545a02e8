import type { Event, EventMessage, Lovage, SeenWorker, Timer, Unsubscribe } from 'lovage'
import { ClusterState } from 'lovage/monitor'
import type { Gap } from '../history/gap.js'
import type { HistoryStore, Retention } from '../history/history-store.js'
import { type BacklogLimits, EventBacklog } from './event-backlog.js'
import { Gathering, type GatheringOptions } from './gathering.js'
import { Hearing } from './hearing.js'
import { WorkerVoices } from './worker-voices.js'

/** The options for listening to a fleet. */
export interface IntakeOptions extends GatheringOptions {
  readonly retention?: Partial<Retention>
  /** The most nodes remembered. Default 5,000. */
  readonly maxWorkers?: number
  /** Seconds after which a node that is gone is forgotten. Default 86,400. */
  readonly forgetWorkersAfter?: number
  /** The limits of events that have arrived and wait to be read. */
  readonly backlog?: BacklogLimits
}

/** How far a history is behind its events. */
export interface Lag {
  readonly ms: number
  /** Of messages that wait to be read. */
  readonly bytes: number
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
/** Nor do they change what is written, but the time until which the fleet was heard: where a gap begins if this process is killed. */
const QUIET_WRITE_MS = 10_000
const HEARTBEAT = 'worker-heartbeat'
/** With less than this waiting, messages wait for each other before they are read: fifty workers' heartbeats are one turn, not fifty. */
const FEW_BYTES = 64 * 1024
/** Tasks per transaction: it blocks the event loop for a few tens of milliseconds. */
const SLICE = 500
/** Tasks gathered before messages are left unread until some are written. */
const MOST_GATHERED = 4 * SLICE
/** How long messages are read in one turn of the event loop. */
const READ_MS = 5
/** When a turn brings this many bytes, the socket is full: it is emptied first, so that the server has nothing to keep or to drop. */
const FLOOD_BYTES = 512 * 1024
/** How long a dashboard that stops goes on reading what waits. */
const LAST_READ_MS = 5_000
const PRUNE_MS = 60_000
/** The period over which the event rate is measured. */
const RATE_MS = 10_000
const LONGEST_RETRY_MS = 10_000
/** Shorter outages are not recorded as gaps. */
const SHORTEST_GAP_MS = 3_000
/** A history that is less behind is not worth a word. */
const SHORTEST_LAG_MS = 2_000

/** Listens to a fleet's events, and writes them to its history in batches. What comes faster than it is written waits unread. */
export class Intake {
  readonly gathering: Gathering
  readonly #app: Lovage
  readonly #store: HistoryStore
  readonly #retention: Retention
  readonly #cluster: ClusterState
  readonly #voices = new WorkerVoices()
  readonly #onGap: (gap: Gap) => void
  readonly #hearing: Hearing
  readonly #backlog: EventBacklog
  /** Bytes that arrived in this turn, and whether a turn for reading is due. */
  #arrived = 0
  #isReading = false
  /** Whether heartbeats were read that nobody was told of. */
  #isHeard = false
  /** When the last message that was read had arrived; and until when all that arrived is written. */
  #readMs = 0
  #wholeMs = 0
  #pruneTimer: Timer | undefined
  #readTimer: Timer | undefined
  #readDueMs = 0
  #gatherTimer: Timer | undefined
  #gatherDueMs = 0
  #writing: Promise<void> | undefined
  #isStopped = false
  #retryMs = GATHER_MS
  readonly #counts = { received: 0, unreadable: 0, dropped: 0 }
  readonly #listeners = new Set<() => void>()
  /** Since when none can be written. */
  #blockedSinceMs: number | undefined
  #blockedBy: unknown
  #tooFast: Gap | undefined
  #rate: readonly [atMs: number, received: number] = [0, 0]

  /**
   * @param folder Where a file is created for what waits unread in a burst.
   * @param onGap Called for each gap when it has ended, to fill it.
   */
  constructor(
    app: Lovage,
    store: HistoryStore,
    folder: string,
    options: IntakeOptions,
    onGap: (gap: Gap) => void,
  ) {
    const { retention, maxWorkers = 5_000, forgetWorkersAfter = 86_400, backlog, ...gathering } = options
    this.#app = app
    this.#store = store
    this.#retention = { ...RETENTION, ...retention }
    this.#cluster = new ClusterState({ maxTasks: 1, maxWorkers, forgetWorkersAfter })
    this.gathering = new Gathering(gathering)
    this.#onGap = onGap
    this.#backlog = new EventBacklog(folder, backlog)
    this.#hearing = new Hearing(app, {
      onMessage: (message, nowMs) => this.#take(message, nowMs),
      onGap: (gap) => this.#tellGap(gap),
    })
  }

  /** Starts listening. An unreachable broker is retried until it is available. */
  async start(): Promise<void> {
    const nowMs = this.#app.clock.now()
    const until = await this.#store.heardUntil()
    if (until !== undefined && nowMs - until > SHORTEST_GAP_MS)
      await this.#tellGap({ fromMs: until, toMs: nowMs, reason: 'down', lostEvents: null, filled: 0 })
    this.#readMs = this.#wholeMs = nowMs
    this.#rate = [nowMs, 0]
    this.#pruneLater()
    await this.#hearing.start()
  }

  /** Stops listening, and writes pending events. What cannot be read within seconds is part of the gap that the next start finds. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#hearing.stop()
    this.#pruneTimer?.cancel()
    this.#readTimer?.cancel()
    this.#gatherTimer?.cancel()
    await this.#writing
    try {
      await this.#writeRest()
    } catch (error) {
      // The next start finds the gap.
      this.#app.logger.error({ err: error }, 'the last events could not be written to the history')
    }
    this.#backlog.close()
  }

  async #writeRest(): Promise<void> {
    for (const end = performance.now() + LAST_READ_MS; this.#backlog.count > 0 && performance.now() < end; ) {
      this.#read(READ_MS)
      await this.#writeSlice()
    }
    await this.flush()
  }

  get counts(): { readonly received: number; readonly unreadable: number; readonly dropped: number } {
    return this.#counts
  }
  /** Since when no events have arrived, Unix ms. */
  get deafSinceMs(): number | undefined {
    return this.#hearing.deafSinceMs
  }
  /** Reads what waits for company, and says how far the history is still behind the events; undefined when it keeps up. */
  lag(): Lag | undefined {
    this.catchUp()
    const ms = this.#backlog.count === 0 ? 0 : this.#app.clock.now() - this.#readMs
    return ms < SHORTEST_LAG_MS ? undefined : { ms, bytes: this.#backlog.bytes }
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
    this.catchUp()
    // Heartbeats that wait unread are no reason to think of a worker as lost.
    return this.#cluster.workers(this.#backlog.count > 0 ? this.#readMs : this.#app.clock.now())
  }
  /** Whether a worker sends task events; undefined until known. */
  tellsOfTasks(hostname: string): boolean | undefined {
    return this.#voices.tellsOfTasks(hostname)
  }
  /** Calls back after each write, and when heartbeats were read. */
  onChange(on: () => void): Unsubscribe {
    this.#listeners.add(on)
    return () => void this.#listeners.delete(on)
  }

  /** Reads what waits for company; in a burst, only some of it. */
  catchUp(): void {
    this.#read(READ_MS)
  }

  /** Writes all events that were read. @throws What the store throws. */
  async flush(): Promise<void> {
    do await this.#writeSlice()
    while (!this.gathering.isEmpty)
  }

  #take({ body, contentType, contentEncoding }: EventMessage, arrivedMs: number): void {
    // All that came before it is read.
    if (this.#backlog.count === 0) this.#readMs = arrivedMs
    this.#backlog.push({ body, contentType, contentEncoding, arrivedMs })
    this.#arrived += body.length
    // Reading at the pace of the history is all that is left: the server then keeps what it can.
    while (this.#backlog.isFull) this.#readOne()
    if (this.#backlog.bytes > FEW_BYTES) this.#readSoon()
    else this.#readIn(body.length < FEW_BYTES && body.includes(HEARTBEAT) ? QUIET_MS : GATHER_MS)
  }

  /** Sees to it that what waits is read in this time at the latest. */
  #readIn(ms: number): void {
    const dueMs = this.#app.clock.now() + ms
    if (this.#readTimer) {
      if (dueMs >= this.#readDueMs) return
      this.#readTimer.cancel()
    }
    this.#readDueMs = dueMs
    this.#readTimer = this.#app.clock.setTimer(() => this.#readSoon(), ms)
  }

  #readSoon(): void {
    this.#readTimer?.cancel()
    this.#readTimer = undefined
    if (this.#isReading || this.#isStopped) return
    this.#isReading = true
    setImmediate(() => {
      this.#isReading = false
      if (this.#isStopped) return
      if (!this.#isFlooded()) this.#read(READ_MS)
      if (this.#isHeard) this.#tellChange()
      if (this.#backlog.count > 0 && this.gathering.size < MOST_GATHERED) this.#readSoon()
    })
  }

  #tellChange(): void {
    this.#isHeard = false
    for (const listener of this.#listeners) listener()
  }

  #isFlooded(): boolean {
    const isFlooded = this.#arrived >= FLOOD_BYTES
    this.#arrived = 0
    return isFlooded
  }

  #read(ms: number): void {
    const end = performance.now() + ms
    while (this.#backlog.count > 0 && this.gathering.size < MOST_GATHERED && performance.now() < end)
      this.#readOne()
  }

  #readOne(): void {
    const message = this.#backlog.shift()
    if (!message) return
    this.#readMs = message.arrivedMs
    const events = this.#hearing.read(message)
    if (events) this.#hear(events, message.arrivedMs)
    else this.#counts.unreadable++
  }

  #hear(events: readonly Event[], nowMs: number): void {
    let isQuiet = true
    for (const event of events) {
      this.#counts.received++
      if (event.type !== HEARTBEAT) isQuiet = false
      const isTask = this.gathering.add(event, nowMs)
      if (!isTask) this.#cluster.add(event, nowMs)
      this.#voices.hear(event, isTask)
    }
    this.#noteDropped(nowMs)
    if (isQuiet) this.#isHeard = true
    const inMs = isQuiet ? QUIET_WRITE_MS : GATHER_MS
    this.#writeIn(this.gathering.size >= MOST_GATHERED ? 0 : inMs - this.#waitedMs(nowMs, inMs))
  }

  /** What waited to be read has been gathered for as long; in a burst larger writes are worth the time. */
  #waitedMs(arrivedMs: number, most: number): number {
    return this.#backlog.count > 0 ? 0 : Math.min(most, Math.max(0, this.#app.clock.now() - arrivedMs))
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
    const untilMs = this.#backlog.count > 0 ? this.#readMs : Math.max(this.#readMs, this.#hearing.heardMs)
    const heardUntilMs = this.gathering.size === 0 ? untilMs : this.#wholeMs
    try {
      await this.#store.write({ tasks, rollups, heardUntilMs, seenMs: untilMs })
      this.#wholeMs = heardUntilMs
    } catch (error) {
      // Newer records of these tasks are merged with those put back; the next write adds both up.
      this.gathering.putBack(tasks, rollups)
      throw error
    }
    this.#tellChange()
    // Yields to requests and incoming events.
    do await new Promise((resolve) => setImmediate(resolve))
    while (this.#arrived >= FLOOD_BYTES && !this.#isStopped)
    if (this.#backlog.count > 0) this.#readSoon()
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

  async #tellGap(gap: Gap): Promise<void> {
    await this.#store.putGap(gap)
    this.#onGap(gap)
  }

  #pruneLater(): void {
    this.#pruneTimer = this.#app.clock.setTimer(() => {
      this.#store
        .prune(this.#retention, this.#app.clock.now())
        .catch((error: unknown) => {
          this.#app.logger.error({ err: error }, 'old tasks could not be removed from the history')
        })
        .finally(() => {
          if (!this.#isStopped) this.#pruneLater()
        })
    }, PRUNE_MS)
  }
}
