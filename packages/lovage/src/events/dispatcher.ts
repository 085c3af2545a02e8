import { type Clock, type Logger, type LogicalClock, messageOf } from '../kernel/index.js'
import { encodeJson, type OutgoingMessage } from '../message/index.js'
import { eventMessage } from './event.js'

/** Events per message, and messages in flight at once. */
const BATCH = 250
/** Events kept while the broker is unreachable; older ones are dropped first, because monitors need the current state. */
const KEPT = 10_000
/** Characters kept while the broker accepts events: a burst from one turn of the event loop, about 300,000 tasks, takes many messages. */
const LONGEST_WAITING = 100_000_000
/** The interval between log lines about dropped events. */
const SAID_MS = 10_000
/** While no monitor listens, one message per this many milliseconds checks whether that is still so. */
const PROBE_MS = 100
/** A client that sends a request is listening, or about to: events are sent for this long. */
const ATTENTION_MS = 2000

/** The ports of a dispatcher. */
export interface DispatcherPorts {
  /** The sender: a node, or `gen<pid>@<host>`. */
  readonly hostname: string
  readonly clock: Clock
  readonly logicalClock: LogicalClock
  readonly logger: Logger
  /** Resolves to the number of receivers; undefined where the broker does not know. */
  readonly broadcast: (message: OutgoingMessage) => Promise<number | undefined>
}

/** A pending event, serialized at once, so that a serialization error reaches the sender. */
interface Written {
  readonly json: string
  /** Its type, where it is sent alone, so that subscribers to that type alone receive it. */
  readonly alone: string | undefined
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Sends task events only while there are subscribers, where the broker reports them: a new subscriber receives task events within 100 ms,
 * as if it had subscribed that much later, and events that were not sent would have had no receiver.
 *
 * Sends events without ever blocking the sender: task events of one turn of the event loop share a message, and events that the broker
 * cannot accept are dropped and counted.
 */
export class EventDispatcher {
  /** Whether task events are sent; worker events always are. */
  sendsTaskEvents: boolean
  readonly #ports: DispatcherPorts
  #waiting: Written[] = []
  #isScheduled = false
  #sending: Promise<void> | undefined
  #waitingLength = 0
  #isAway = false
  #dropped = 0
  #saidDropped = 0
  #saidMs = Number.NEGATIVE_INFINITY
  /** Until this time (`performance.now()`) there are assumed to be no subscribers. */
  #deafUntil = 0
  #attentionUntil = 0
  readonly #origin: string

  constructor(ports: DispatcherPorts, sendsTaskEvents: boolean) {
    this.#ports = ports
    this.sendsTaskEvents = sendsTaskEvents
    this.#origin = `"hostname":${JSON.stringify(ports.hostname)},"pid":${process.pid}`
  }

  /** Whether a task event would be sent now; one that would not need not be built. */
  get hearsTasks(): boolean {
    return this.sendsTaskEvents && performance.now() >= this.#deafUntil
  }

  /** Notes that a client is there that may listen. */
  attend(): void {
    this.#deafUntil = 0
    this.#attentionUntil = performance.now() + ATTENTION_MS
  }

  /** Events dropped because the broker could not accept them. */
  get dropped(): number {
    return this.#dropped
  }

  /** Sends a task event, if it has subscribers. */
  task(type: string, fields: Fields): void {
    if (this.hearsTasks) this.#add({ json: this.#write(type, fields), alone: undefined })
  }

  /**
   * Sends one of the app's own events, regardless of subscribers.
   * @throws {MessageError} when a field cannot be serialized.
   */
  own(type: string, fields: Fields): void {
    this.#add({ json: this.#write(type, fields), alone: type })
  }

  /** Sends an event about this node, at once and alone. */
  async worker(type: string, fields: Fields): Promise<void> {
    await this.#send(this.#message([this.#write(type, fields)], type))
  }

  /** Resolves when all pending events are sent, or dropped. */
  async flush(): Promise<void> {
    this.#sending ??= this.#sendWaiting().finally(() => {
      this.#sending = undefined
    })
    return this.#sending
  }

  #add(event: Written): void {
    this.#waiting.push(event)
    this.#waitingLength += event.json.length
    this.#giveWay()
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      void this.flush()
    })
  }

  async #sendWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const taken = this.#take(BATCH)
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
      this.#isAway = lost > 0
      if (lost === 0) continue
      this.#drop(lost)
      this.#giveWay()
      return
    }
  }

  #take(count: number): readonly Written[] {
    const taken = this.#waiting.splice(0, count)
    for (const { json } of taken) this.#waitingLength -= json.length
    return taken
  }

  #giveWay(): void {
    const tooMany = this.#isAway ? this.#waiting.length - KEPT : this.#waitingLength > LONGEST_WAITING ? 1 : 0
    if (tooMany > 0) this.#drop(this.#take(tooMany).length)
  }

  #drop(count: number): void {
    this.#dropped += count
    const nowMs = performance.now()
    if (nowMs < this.#saidMs + SAID_MS) return
    this.#saidMs = nowMs
    const since = this.#dropped - this.#saidDropped
    this.#saidDropped = this.#dropped
    this.#ports.logger.warn(
      { dropped: this.#dropped },
      `${since} events were dropped: the broker did not accept them`,
    )
  }

  #message(events: readonly string[], alone: string | undefined): OutgoingMessage {
    return eventMessage(events, alone, this.#ports.hostname)
  }

  async #send(message: OutgoingMessage): Promise<boolean> {
    try {
      this.#learn(await this.#ports.broadcast(message))
      return true
    } catch (error) {
      this.#ports.logger.debug({ err: error }, `an event could not be sent: ${messageOf(error)}`)
      return false
    }
  }

  #learn(heardBy: number | undefined): void {
    const nowMs = performance.now()
    this.#deafUntil = heardBy === 0 && nowMs >= this.#attentionUntil ? nowMs + PROBE_MS : 0
  }

  /** JSON, member by member: it is written for every task, and a general writer costs twice as much. */
  #write(type: string, fields: Fields): string {
    const { clock, logicalClock } = this.#ports
    let json = '{'
    for (const name in fields) {
      const value = fields[name]
      if (value !== undefined && !OWN.has(name)) json += `${JSON.stringify(name)}:${written(value)},`
    }
    const nowMs = clock.now()
    const zone = type.startsWith('worker-') ? `,"utcoffset":${hoursWest(nowMs)}` : ''
    return `${json}${this.#origin}${zone},"clock":${logicalClock.tick()},"timestamp":${nowMs / 1000},"type":${JSON.stringify(type)}}`
  }
}

/**
 * Python's field: hours west of UTC. Its receivers shift timestamps by the difference of the zones, although timestamps are absolute. For
 * worker events they then use their own clock, and celery-exporter undoes the shift, which fails where the field is missing. So worker
 * events carry it; task events do not, and monitors in any zone show their true times. It follows the clock over changes to and from
 * summer time, and is rounded down to whole hours, as Python's is.
 */
const hoursWest = (nowMs: number): number => Math.floor(new Date(nowMs).getTimezoneOffset() / 60)

/** An event's own fields; user fields of these names are dropped. */
const OWN: ReadonlySet<string> = new Set(['hostname', 'pid', 'clock', 'timestamp', 'type', 'utcoffset'])

function written(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (value === null) return 'null'
  return Number.isSafeInteger(value) ? String(value) : encodeJson(value, 'event')
}

/** Adjacent events that may share a message do; the order stays. */
function together(events: readonly Written[]): readonly (readonly Written[])[] {
  const groups: Written[][] = []
  for (const event of events) {
    const last = groups.at(-1)
    if (last && event.alone === undefined && last[0]?.alone === undefined) last.push(event)
    else groups.push([event])
  }
  return groups
}
