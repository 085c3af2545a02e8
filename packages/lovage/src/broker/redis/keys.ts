/** kombu's separator in list names and binding members. */
export const SEPARATOR = '\x06\x16'

/** kombu's priority steps: one list each, the lower number first; step 0 is the list of the queue's own name. */
export const STEPS = [0, 3, 6, 9] as const

/** Every key and channel of the broker in one place (docs/reference/redis-keys.md). Names of kombu's are kombu's own. */
export class RedisKeys {
  readonly prefix: string
  readonly unacked: string
  readonly unackedIndex: string
  readonly unackedMutex: string
  /** Zset: holder → Unix ms at which its lease runs out. */
  readonly holders: string
  /** Start of the hash of each holder: delivery tag → `<score in unacked_index> <number> <list>`. */
  readonly heldPrefix: string
  /** Hash: delivery tag → bytes of a claimed item that kombu could not read back. */
  readonly unparsed: string
  /** Hash: delivery tag → how often a holder was lost with the message. */
  readonly redeliveries: string
  /** Zset: queue → Unix ms at which its first delayed message is due. */
  readonly delayed: string
  /** Start of the zset of each queue: `<task id>/<delivery tag>` → Unix ms at which the message is due. */
  readonly timesPrefix: string
  /** Start of the hash of each queue: `<task id>/<delivery tag>` → `<priority step> <message>`. */
  readonly messagesPrefix: string
  /** Zset of dead letters: id → Unix ms; hashes id → letter, id → message, queue → count. */
  readonly dead: string
  readonly deadLetters: string
  readonly deadMessages: string
  readonly deadCounts: string
  /** Set of queues that this package declared or published to. */
  readonly queues: string
  /** Start of the strings that remember names of publications. */
  readonly oncePrefix: string
  /** Channel: a message was put where nobody waits; the payload is the queue, or empty for all. */
  readonly doorbell: string
  readonly #channelPrefix: string

  constructor(prefix: string, db: number) {
    const own = `${prefix}lovage:`
    this.prefix = prefix
    this.unacked = `${prefix}unacked`
    this.unackedIndex = `${prefix}unacked_index`
    this.unackedMutex = `${prefix}unacked_mutex`
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
    this.oncePrefix = `${own}once:`
    // Channels are shared by all databases of a server, unlike keys.
    this.doorbell = `${own}doorbell:${db}`
    this.#channelPrefix = `${prefix}/${db}.`
  }

  /** The list of a queue at a step. */
  list(queue: string, step: number): string {
    return step === 0 ? this.prefix + queue : this.prefix + queue + SEPARATOR + step
  }

  /** All lists of a queue, most urgent first. */
  lists(queue: string): string[] {
    return STEPS.map((step) => this.list(queue, step))
  }

  held(holder: string): string {
    return this.heldPrefix + holder
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
    return this.#channelPrefix + (routingKey === '' ? exchange : `${exchange}/${routingKey}`)
  }
}
