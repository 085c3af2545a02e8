import type { LogicalClock } from '../kernel/index.js'
import { type Clock, type Logger, messageOf } from '../kernel/index.js'
import type { OutgoingMessage } from '../message/index.js'
import { type Event, encodeEvents } from './event.js'

/** Events that travel in one message. */
const BATCH = 100
/** Events that wait while the broker is away; older ones give way, for a monitor wants to know how things are now. */
const KEPT = 10_000

/** What a dispatcher needs. */
export interface DispatcherPorts {
  readonly hostname: string
  readonly clock: Clock
  readonly logicalClock: LogicalClock
  readonly logger: Logger
  readonly broadcast: (message: OutgoingMessage) => Promise<void>
}

/**
 * Sends events without ever holding up whoever tells them: task events of one turn of the loop share a message, one
 * message is on its way at a time, and what nobody can take is dropped and counted.
 */
export class EventDispatcher {
  /** Whether task events are sent; worker events always are. */
  sendsTaskEvents: boolean
  readonly #ports: DispatcherPorts
  #waiting: Event[] = []
  #isScheduled = false
  #sending: Promise<void> | undefined
  #dropped = 0

  constructor(ports: DispatcherPorts, sendsTaskEvents: boolean) {
    this.#ports = ports
    this.sendsTaskEvents = sendsTaskEvents
  }

  /** Events that were dropped because the broker could not take them. */
  get dropped(): number {
    return this.#dropped
  }

  /** Tells what a task does, if anybody wants to know. */
  task(type: string, fields: Readonly<Record<string, unknown>>): void {
    if (!this.sendsTaskEvents) return
    if (this.#waiting.length >= KEPT) {
      this.#waiting.shift()
      this.#dropped++
    }
    this.#waiting.push(this.#event(type, fields))
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      void this.flush()
    })
  }

  /** Tells something about this node, at once and alone. */
  async worker(type: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#send(encodeEvents([this.#event(type, fields)], false))
  }

  /** Resolves when all that was told is sent, or dropped. */
  async flush(): Promise<void> {
    this.#sending ??= this.#sendWaiting().finally(() => {
      this.#sending = undefined
    })
    return this.#sending
  }

  async #sendWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const [first, ...rest] = this.#waiting.splice(0, BATCH)
      if (first && !(await this.#send(encodeEvents([first, ...rest], true)))) {
        this.#dropped += 1 + rest.length
        return
      }
    }
  }

  async #send(message: OutgoingMessage): Promise<boolean> {
    try {
      await this.#ports.broadcast(message)
      return true
    } catch (error) {
      this.#ports.logger.debug({ err: error }, `an event could not be sent: ${messageOf(error)}`)
      return false
    }
  }

  #event(type: string, fields: Readonly<Record<string, unknown>>): Event {
    const { hostname, clock, logicalClock } = this.#ports
    const { pid } = process
    return { hostname, pid, clock: logicalClock.tick(), ...fields, timestamp: clock.now() / 1000, type }
  }
}
