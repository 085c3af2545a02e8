import type { Event, EventMessage, EventReception, Lovage, Timer } from 'lovage'
import { connectionsOf } from 'lovage/driver'
import type { Gap } from '../history/gap.js'

/** An event of our own checks that events arrive: its interval and its timeout. */
const PROBE_MS = 10_000
const PROBE_PATIENCE_MS = 5_000
const PROBE = 'lovage-dashboard-probe'
/** A subscription that was lost for longer was lost by an outage, not cut off because of a burst. */
const OUTAGE_MS = 3_000
/** What was still on its way when a subscription was cut off is lost, too: of about this time. */
const ON_ITS_WAY_MS = 1_000

/** RabbitMQ drops events that wait for seconds, and does not say so: a process that was held up for longer may have missed some. */
const HELD_UP_MS = 3_000

/** What a hearing tells. */
export interface HearingListener {
  readonly onMessage: (message: EventMessage, nowMs: number) => void
  /** Events were missed. */
  readonly onGap: (gap: Gap) => unknown
}

/** The subscription to a fleet's events, and whether they arrive. */
export class Hearing {
  readonly #app: Lovage
  readonly #listener: HearingListener
  #reception: EventReception | undefined
  #timer: Timer | undefined
  #isStopped = false
  #heardMs = 0
  #deafSinceMs: number | undefined

  constructor(app: Lovage, listener: HearingListener) {
    this.#app = app
    this.#listener = listener
  }

  /** When the last events arrived, Unix ms. */
  get heardMs(): number {
    return this.#heardMs
  }
  /** Since when none arrive, Unix ms. */
  get deafSinceMs(): number | undefined {
    return this.#deafSinceMs
  }

  /** Starts listening. An unreachable broker is retried until it is available. */
  async start(): Promise<void> {
    this.#heardMs = this.#app.clock.now()
    await this.#listen()
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#reception?.end()
  }

  /** The events of a message; undefined when it is of no known form. */
  read(message: EventMessage): readonly Event[] | undefined {
    return this.#reception?.read(message)
  }

  async #listen(): Promise<void> {
    try {
      const reception = await this.#app.events.receive({
        onMessage: (message) => {
          this.#heardMs = this.#app.clock.now()
          this.#listener.onMessage(message, this.#heardMs)
        },
        onMissed: (lostMs) => this.#missed(lostMs),
      })
      if (this.#isStopped) return reception.end()
      this.#reception = reception
      await this.#app.control.heartbeat()
      this.#probe()
    } catch (error) {
      this.#deafSinceMs ??= this.#app.clock.now()
      this.#app.logger.warn({ err: error }, 'the dashboard cannot subscribe to events; retrying')
      this.#reception?.end()
      this.#after(PROBE_PATIENCE_MS, () => this.#listen())
    }
  }

  #missed(lostMs: number): void {
    // A long outage is told when events arrive again.
    if (this.#deafSinceMs !== undefined) return
    const toMs = this.#app.clock.now()
    this.#heardMs = toMs
    const reason = lostMs > OUTAGE_MS ? 'broker-lost' : 'cut-off'
    this.#tell({ fromMs: toMs - lostMs - ON_ITS_WAY_MS, toMs, reason, lostEvents: null, filled: 0 })
  }

  /** Sends an event of our own, and waits for it: only an arriving event proves that events arrive. */
  #probe(): void {
    const sentMs = this.#app.clock.now()
    this.#app.events.send(PROBE)
    this.#after(PROBE_PATIENCE_MS, () => {
      const isHeard = this.#heardMs >= sentMs
      if (!isHeard) this.#deafSinceMs ??= this.#heardMs
      else if (this.#deafSinceMs !== undefined) {
        const gap = { fromMs: this.#deafSinceMs, toMs: this.#heardMs, lostEvents: null, filled: 0 }
        this.#deafSinceMs = undefined
        this.#tell({ ...gap, reason: 'broker-lost' })
      }
      this.#after(isHeard ? PROBE_MS - PROBE_PATIENCE_MS : 0, () => this.#probe())
    })
  }

  #tell(gap: Gap): void {
    void this.#guarded(() => this.#listener.onGap(gap))
  }

  #after(ms: number, work: () => unknown): void {
    if (this.#isStopped) return
    const dueMs = this.#app.clock.now() + ms
    this.#timer = this.#app.clock.setTimer(() => {
      void this.#guarded(() => this.#noteHeldUp(dueMs))
      void this.#guarded(work)
    }, ms)
  }

  async #noteHeldUp(dueMs: number): Promise<void> {
    const toMs = this.#app.clock.now()
    if (toMs - dueMs < HELD_UP_MS || this.#deafSinceMs !== undefined) return
    const { kind } = await connectionsOf(this.#app).broker()
    if (kind === 'amqp') this.#tell({ fromMs: dueMs, toMs, reason: 'held-up', lostEvents: null, filled: 0 })
  }

  async #guarded(work: () => unknown): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#app.logger.error({ err: error }, 'the hearing of events has failed')
    }
  }
}
