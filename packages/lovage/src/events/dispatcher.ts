import { type Clock, type Logger, type LogicalClock, messageOf } from '../kernel/index.js'
import { encodeJson, type OutgoingMessage } from '../message/index.js'
import { eventMessage } from './event.js'

/** Events that travel in one message, and messages that are on their way at once. */
const BATCH = 100
/** Events that wait while the broker is away; older ones give way, for a monitor wants to know how things are now. */
const KEPT = 10_000

/** What a dispatcher needs. */
export interface DispatcherPorts {
  /** Who tells: a node, or `gen<pid>@<host>`. */
  readonly hostname: string
  readonly clock: Clock
  readonly logicalClock: LogicalClock
  readonly logger: Logger
  readonly broadcast: (message: OutgoingMessage) => Promise<void>
}

/** An event on its way, written at once: what cannot be written is the teller's error. */
interface Written {
  readonly json: string
  /** Its type where it travels alone, so that whoever listens to that type alone hears it. */
  readonly alone: string | undefined
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Sends events without ever holding up whoever tells them: task events of one turn of the loop share a message, and what
 * nobody can take is dropped and counted.
 */
export class EventDispatcher {
  /** Whether task events are sent; worker events always are. */
  sendsTaskEvents: boolean
  readonly #ports: DispatcherPorts
  #waiting: Written[] = []
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
  task(type: string, fields: Fields): void {
    if (this.sendsTaskEvents) this.#add({ json: this.#write(type, fields), alone: undefined })
  }

  /**
   * Tells an event of the app's own, whoever wants to know.
   * @throws {MessageError} when a field cannot be written.
   */
  own(type: string, fields: Fields): void {
    this.#add({ json: this.#write(type, fields), alone: type })
  }

  /** Tells something about this node, at once and alone. */
  async worker(type: string, fields: Fields): Promise<void> {
    await this.#send(this.#message([this.#write(type, fields)], type))
  }

  /** Resolves when all that was told is sent, or dropped. */
  async flush(): Promise<void> {
    this.#sending ??= this.#sendWaiting().finally(() => {
      this.#sending = undefined
    })
    return this.#sending
  }

  #add(event: Written): void {
    if (this.#waiting.length >= KEPT) {
      this.#waiting.shift()
      this.#dropped++
    }
    this.#waiting.push(event)
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      void this.flush()
    })
  }

  async #sendWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const taken = this.#waiting.splice(0, BATCH)
      const sent = await Promise.all(
        together(taken).map(async (group) => {
          const message = this.#message(
            group.map(({ json }) => json),
            group[0]?.alone,
          )
          return (await this.#send(message)) ? 0 : group.length
        }),
      )
      const lost = sent.reduce((sum, count) => sum + count, 0)
      this.#dropped += lost
      if (lost > 0) return
    }
  }

  #message(events: readonly string[], alone: string | undefined): OutgoingMessage {
    return eventMessage(events, alone, this.#ports.hostname)
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

  #write(type: string, fields: Fields): string {
    const { hostname, clock, logicalClock } = this.#ports
    const { pid } = process
    const timestamp = clock.now() / 1000
    return encodeJson({ ...fields, hostname, pid, clock: logicalClock.tick(), timestamp, type }, 'event')
  }
}

/** Neighbours that may share a message do; the order stays. */
function together(events: readonly Written[]): readonly (readonly Written[])[] {
  const groups: Written[][] = []
  for (const event of events) {
    const last = groups.at(-1)
    if (last && event.alone === undefined && last[0]?.alone === undefined) last.push(event)
    else groups.push([event])
  }
  return groups
}
