import { type Clock, type Logger, type LogicalClock, messageOf } from '../kernel/index.js'
import { encodeJson, type OutgoingMessage } from '../message/index.js'
import { eventMessage } from './event.js'

/** Events that travel in one message, and messages that are on their way at once. */
const BATCH = 250
/** Events that wait while the broker is away; older ones give way, for a monitor wants to know how things are now. */
const KEPT = 10_000
/** Characters that wait while it takes them: a burst of one turn of the loop, about 300,000 tasks, has to be sent in many messages. */
const LONGEST_WAITING = 100_000_000
/** So often it is said that events were dropped. */
const SAID_MS = 10_000
/** While nobody hears, one message in so many milliseconds finds out whether that is so still. */
const PROBE_MS = 100
/** Whoever asks for something listens, or is about to: for so long all is told. */
const ATTENTION_MS = 2000

/** What a dispatcher needs. */
export interface DispatcherPorts {
  /** Who tells: a node, or `gen<pid>@<host>`. */
  readonly hostname: string
  readonly clock: Clock
  readonly logicalClock: LogicalClock
  readonly logger: Logger
  /** Resolves to how many heard it; undefined where the broker does not know. */
  readonly broadcast: (message: OutgoingMessage) => Promise<number | undefined>
}

/** An event on its way, written at once: what cannot be written is the teller's error. */
interface Written {
  readonly json: string
  /** Its type where it travels alone, so that whoever listens to that type alone hears it. */
  readonly alone: string | undefined
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Sends task events only while somebody hears them, where the broker can tell: a listener that begins hears of tasks within 100 ms, as if it
 * had begun that much later, and nobody else would have heard what was not told.
 *
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
  #waitingLength = 0
  #isAway = false
  #dropped = 0
  #saidDropped = 0
  #saidMs = Number.NEGATIVE_INFINITY
  /** Until then it is taken that nobody hears: by `performance.now()`. */
  #deafUntil = 0
  #attentionUntil = 0
  readonly #origin: string

  constructor(ports: DispatcherPorts, sendsTaskEvents: boolean) {
    this.#ports = ports
    this.sendsTaskEvents = sendsTaskEvents
    this.#origin = `"hostname":${JSON.stringify(ports.hostname)},"pid":${process.pid}`
  }

  /** Whether a task event told now would be sent: what would not be need not be made. */
  get hearsTasks(): boolean {
    return this.sendsTaskEvents && performance.now() >= this.#deafUntil
  }

  /** Somebody is there who may listen. */
  attend(): void {
    this.#deafUntil = 0
    this.#attentionUntil = performance.now() + ATTENTION_MS
  }

  /** Events that were dropped because the broker could not take them. */
  get dropped(): number {
    return this.#dropped
  }

  /** Tells what a task does, if anybody wants to know. */
  task(type: string, fields: Fields): void {
    if (this.hearsTasks) this.#add({ json: this.#write(type, fields), alone: undefined })
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
      `${since} events were dropped: the broker could not take them`,
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

  /** JSON, member by member: it is made for every task, and a writer for any value costs twice as much. */
  #write(type: string, fields: Fields): string {
    const { clock, logicalClock } = this.#ports
    let json = '{'
    for (const name in fields) {
      const value = fields[name]
      if (value !== undefined && !OWN.has(name)) json += `${JSON.stringify(name)}:${written(value)},`
    }
    const zone = type.startsWith('worker-') ? `,"utcoffset":${hoursWest()}` : ''
    return `${json}${this.#origin}${zone},"clock":${logicalClock.tick()},"timestamp":${clock.now() / 1000},"type":${JSON.stringify(type)}}`
  }
}

/**
 * Python's field: hours west of UTC. Its receivers move timestamps by the difference of the zones, although these are true everywhere; of
 * workers they then go by their own clock, and celery-exporter takes the move back, which goes wrong where the field is missing. So events of
 * workers have it; those of tasks have not, and monitors in any zone show their true times.
 */
const hoursWest = (): number => Math.floor(new Date().getTimezoneOffset() / 60)

/** What an event says of itself; fields of these names give way. */
const OWN: ReadonlySet<string> = new Set(['hostname', 'pid', 'clock', 'timestamp', 'type', 'utcoffset'])

function written(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (value === null) return 'null'
  return Number.isSafeInteger(value) ? String(value) : encodeJson(value, 'event')
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
