import { ConfigurationError, MessageError } from '../../../kernel/index.js'
import { isTruthy } from '../../../message/index.js'
import { transportOption, transportOptions } from '../client/index.js'

/** kombu's fleet-wide options; they must be the same in all its processes. */
export interface KeyOptions {
  /** Between a queue's name and its step, and inside bindings. */
  readonly separator: string
  /** One list each, the lower number first; the first uses the queue's own name. */
  readonly steps: readonly number[]
  readonly unacked: string
  readonly unackedIndex: string
  readonly unackedMutex: string
  /** Prefix of the exchange in a channel's name; `{db}` stands for the database. */
  readonly fanoutPrefix: string
  /** Whether a channel includes the routing key: kombu's `fanout_patterns`. */
  readonly fanoutPatterns: boolean
}

const KOMBU: KeyOptions = {
  separator: '\x06\x16',
  steps: [0, 3, 6, 9],
  unacked: 'unacked',
  unackedIndex: 'unacked_index',
  unackedMutex: 'unacked_mutex',
  fanoutPrefix: '/{db}.',
  fanoutPatterns: true,
}

/** Reads an app's `brokerTransportOptions`, in Celery's spelling or camelCase. Throws a ConfigurationError. */
export function keyOptionsOf(settings: Readonly<Record<string, unknown>>): KeyOptions {
  const given = transportOptions(settings, 'brokerTransportOptions')
  const text = (name: string, standard: string): string => {
    const value = transportOption(given, name) ?? standard
    if (typeof value === 'string') return value
    throw invalid(`${name} must be text`)
  }
  const steps = transportOption(given, 'priority_steps') ?? KOMBU.steps
  if (!Array.isArray(steps) || steps[0] !== 0 || steps.some((step) => !Number.isInteger(step)))
    throw invalid('priority_steps must be a list of whole numbers that begins with 0')
  const fanout = transportOption(given, 'fanout_prefix') ?? true
  return {
    separator: text('sep', KOMBU.separator),
    steps: [...steps].sort((a, b) => a - b),
    unacked: text('unacked_key', KOMBU.unacked),
    unackedIndex: text('unacked_index_key', KOMBU.unackedIndex),
    unackedMutex: text('unacked_mutex_key', KOMBU.unackedMutex),
    fanoutPatterns: isTruthy(transportOption(given, 'fanout_patterns') ?? true),
    fanoutPrefix: fanout === true ? KOMBU.fanoutPrefix : fanout === false ? '' : text('fanout_prefix', ''),
  }
}

const invalid = (what: string): ConfigurationError =>
  new ConfigurationError(`brokerTransportOptions: ${what}`, { code: 'LVG_CONFIG_INVALID' })

/** Prefixes of keys that are not queues: ours, kombu's bindings, Celery's results. */
const RESERVED = ['lovage:', '_kombu.binding.', 'celery-task-meta-', 'celery-taskset-meta-', 'chord-unlock-']

/** Stored in the hash of each holder. It must be longer than 64 bytes: see claim.lua. */
export const HELD_REMARK =
  'tag -> score in unacked_index, order of claiming, list it came from; kept by docs/reference/redis-keys.md'

/** All keys and channels of the broker in one place (docs/reference/redis-keys.md). kombu's names are kombu's own. */
export class RedisKeys {
  readonly prefix: string
  readonly separator: string
  readonly steps: readonly number[]
  readonly unacked: string
  readonly unackedIndex: string
  readonly unackedMutex: string
  /** Zset: holder → Unix ms at which its lease expires. */
  readonly holders: string
  /**
   * Prefix of the hash of each holder: delivery tag → `<score in unacked_index> <number> <list>`. The field of the empty
   * name holds a remark for human readers.
   */
  readonly heldPrefix: string
  /** Hash: delivery tag → bytes of a claimed item that kombu could not read back. */
  readonly unparsed: string
  /** Hash: delivery tag → how often a holder was lost with the message. */
  readonly redeliveries: string
  /** Zset: queue → Unix ms at which its first delayed message is due. */
  readonly delayed: string
  /** Prefix of the zset of each queue: `<task id>/<delivery tag>` → Unix ms at which the message is due. */
  readonly timesPrefix: string
  /**
   * Prefix of the hash of each queue: `<task id>/<delivery tag>` → `<priority step>[+] <message>`;
   * `+` marks a message that goes behind waiting ones when it is due.
   */
  readonly messagesPrefix: string
  /** Zset of dead letters: id → Unix ms; hashes id → letter, id → message, queue → count. */
  readonly dead: string
  readonly deadLetters: string
  readonly deadMessages: string
  readonly deadCounts: string
  /** Set of queues that this package declared or published to. */
  readonly queues: string
  /** Zset: reply list → Unix ms until which its caller is assumed to wait. */
  readonly inboxes: string
  /** Prefix of the hash of each publisher: the numbers of pushes whose replies may be lost. */
  readonly pushedPrefix: string
  /** Prefix of the strings that remember names of publications. */
  readonly oncePrefix: string
  /** Channel: a message was pushed where no consumer waits; the payload is the queue, or empty for all. */
  readonly doorbell: string
  /** Whether routing keys are part of channel names; otherwise listeners inspect the messages. */
  readonly hasPatterns: boolean
  readonly #channelPrefix: string
  readonly #own: string
  readonly #db: number

  constructor(prefix: string, db: number, options: KeyOptions = KOMBU) {
    const own = `${prefix}lovage:`
    this.prefix = prefix
    this.#own = own
    this.#db = db
    this.separator = options.separator
    this.steps = options.steps
    this.unacked = prefix + options.unacked
    this.unackedIndex = prefix + options.unackedIndex
    this.unackedMutex = prefix + options.unackedMutex
    this.holders = `${own}holders`
    this.heldPrefix = `${own}held:`
    this.unparsed = `${own}unparsed`
    this.redeliveries = `${own}redeliveries`
    this.delayed = `${own}delayed`
    this.timesPrefix = `${own}delayed:`
    this.messagesPrefix = `${own}delayed-messages:`
    this.dead = `${own}dead`
    this.deadLetters = `${own}dead-letters`
    this.deadMessages = `${own}dead-messages`
    this.deadCounts = `${own}dead-counts`
    this.queues = `${own}queues`
    this.inboxes = `${own}inboxes`
    this.pushedPrefix = `${own}pushed:`
    this.oncePrefix = `${own}once:`
    // Channels are shared by all databases of a server, unlike keys.
    this.doorbell = `${own}doorbell:${db}`
    this.hasPatterns = options.fanoutPatterns
    this.#channelPrefix = prefix + options.fanoutPrefix.replace('{db}', String(db))
  }

  /** Refuses a name whose list would collide with another key, on which every command of the queue would fail. */
  checkQueue(queue: string): void {
    if (!this.#isReserved(queue)) return
    throw new MessageError(`"${queue}" is not a valid queue name: the broker uses that key itself`, {
      code: 'LVG_MESSAGE_UNROUTABLE',
      details: { queue },
      hint: 'Choose another name.',
    })
  }

  #isReserved(queue: string): boolean {
    const key = this.prefix + queue
    return (
      queue === '' ||
      key === this.unacked ||
      key === this.unackedIndex ||
      key === this.unackedMutex ||
      RESERVED.some((start) => queue.startsWith(start)) ||
      queue.includes(this.separator)
    )
  }

  /** The step of a wire priority: the largest that is not above it. */
  stepOf(wirePriority: number): number {
    let found = 0
    for (const step of this.steps) if (step <= wirePriority) found = step
    return found
  }

  /** The list of a queue at a step. */
  list(queue: string, step: number): string {
    return step === 0 ? this.prefix + queue : this.prefix + queue + this.separator + step
  }

  /** All lists of a queue, most urgent first. */
  lists(queue: string): string[] {
    return this.steps.map((step) => this.list(queue, step))
  }

  held(holder: string): string {
    return this.heldPrefix + holder
  }

  /** String: the room that a holder reserves for the claim behind its waits. */
  reserved(holder: string): string {
    return `${this.#own}reserved:${holder}`
  }

  /** The channel on which a holder hears that it has claimed something, behind all that was published before. */
  claimed(holder: string): string {
    return `${this.#own}claimed:${this.#db}:${holder}`
  }

  times(queue: string): string {
    return this.timesPrefix + queue
  }

  messages(queue: string): string {
    return this.messagesPrefix + queue
  }

  binding(exchange: string): string {
    return `${this.prefix}_kombu.binding.${exchange}`
  }

  /** The channel of a fanout exchange. */
  channel(exchange: string, routingKey: string): string {
    const isApart = this.hasPatterns && routingKey !== ''
    return this.#channelPrefix + (isApart ? `${exchange}/${routingKey}` : exchange)
  }
}
