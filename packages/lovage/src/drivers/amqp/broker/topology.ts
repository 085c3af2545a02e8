import { type ExchangeType, type Queue, queueArguments } from '../../../broker/index.js'
import { type Logger, MessageError } from '../../../kernel/index.js'
import { type AmqpChannel, type AmqpConnection, type AmqpQueue, refusalOf } from '../client/index.js'
import { bindExchangeToDelays, bindToDelays, declareDelays, declareWayOut, inspectDelays } from './delays.js'
import type { AmqpBrokerOptions } from './options.js'
import { declareOrphans } from './orphans.js'

/** An exchange's declaration, where it differs from what the queue specifies. */
export interface ExchangeKind {
  readonly type: ExchangeType
  readonly durable: boolean
}

/**
 * The exchanges, queues and bindings that this process needs, declared as Celery declares them, once for each connection. An existing one
 * with other arguments is used as it is, with one warning: the server would refuse the declaration every time, and close the channel.
 */
export class Topology {
  readonly #connection: AmqpConnection
  readonly #options: AmqpBrokerOptions
  readonly #logger: Logger
  /** All that this process has ever named: for operators, and to declare it again. */
  readonly #queues = new Map<string, Queue>()
  /** Steps known to be in place, by name. */
  readonly #done = new Map<string, Promise<void>>()
  readonly #warned = new Set<string>()
  #channel: AmqpChannel | undefined
  #turn: Promise<unknown> = Promise.resolve()

  constructor(connection: AmqpConnection, options: AmqpBrokerOptions, logger: Logger) {
    this.#connection = connection
    this.#options = options
    this.#logger = logger
  }

  /** The queue names of this process. */
  get names(): readonly string[] {
    return [...this.#queues.keys()]
  }

  /** A queue's declaration, if it was declared. */
  queue(name: string): Queue | undefined {
    return this.#queues.get(name)
  }

  /** The queues of this process that a message published to an exchange reaches. */
  *bound(exchange: string): Iterable<Queue> {
    for (const queue of this.#queues.values()) if ((queue.exchange ?? queue.name) === exchange) yield queue
  }

  /** Whether a queue counts deliveries and limits each consumer separately. */
  isQuorum(name: string): boolean {
    return this.#argumentsOf(this.#queues.get(name) ?? { name })['x-queue-type'] === 'quorum'
  }

  /** Whether a queue was declared with its own target for rejected messages. */
  keepsRejected(name: string): boolean {
    return 'x-dead-letter-exchange' in this.#argumentsOf(this.#queues.get(name) ?? { name })
  }

  async declare(queues: readonly Queue[]): Promise<void> {
    for (const { name } of queues) {
      const reserved = reservedName(name)
      if (reserved) throw reserved
    }
    for (const queue of queues) {
      if (this.#queues.has(queue.name)) this.#done.delete(`queue ${queue.name}`)
      this.#queues.set(queue.name, queue)
    }
    await Promise.all(queues.map(({ name }) => this.ensureQueue(name)))
  }

  /** Ensures that a queue exists; an undeclared one follows the settings. */
  ensureQueue(name: string): Promise<void> {
    const reserved = reservedName(name)
    if (reserved) return Promise.reject(reserved)
    if (!this.#queues.has(name)) this.#queues.set(name, { name })
    return this.#once(`queue ${name}`, () => this.#declareQueue(this.#queues.get(name) ?? { name }))
  }

  /** Ensures that messages can be delayed for a queue. */
  ensureDelays(queue: string): Promise<void> {
    return this.#once(`delays of ${queue}`, async () => {
      await this.#once('delays', () => this.#declareDelays())
      await this.#once('way out', () => this.#with((channel) => declareWayOut(channel, this.#options.delays)))
      await this.ensureQueue(queue)
      await this.#with((channel) => bindToDelays(channel, queue))
    })
  }

  /** Ensures that one of the driver's own queues exists. */
  ensureOwnQueue(name: string): Promise<void> {
    const { type } = this.#options.delays
    return this.#once(`own queue ${name}`, () =>
      this.#with(async (channel) => {
        await channel.declareQueue({ name, arguments: { 'x-queue-type': type } })
      }),
    )
  }

  /** Ensures that the queue of orphaned messages exists. */
  ensureOrphans(): Promise<void> {
    return this.#once('orphans', () =>
      this.#with((channel) => declareOrphans(channel, this.#options.delays.type)),
    )
  }

  ensureExchange(name: string, { type, durable }: ExchangeKind): Promise<void> {
    return this.#once(`exchange ${name}`, () =>
      this.#orAsItIs(
        `exchange ${name}`,
        (channel) => channel.declareExchange({ name, type, durable }),
        (channel) => channel.inspectExchange(name),
      ),
    )
  }

  /** @throws {MessageError} LVG_MESSAGE_UNROUTABLE for an exchange that does not exist. */
  requireExchange(name: string): Promise<void> {
    const bound = [...this.bound(name)]
    // A routing key may refer to any of them.
    if (bound.length === 1 && bound[0]) return this.ensureQueue(bound[0].name)
    if (bound.length > 1)
      return this.#once(`bound to ${name}`, async () => {
        await Promise.all(bound.map((queue) => this.ensureQueue(queue.name)))
      })
    return this.#once(`exchange ${name}`, async () => {
      try {
        await this.#with((channel) => channel.inspectExchange(name))
      } catch (cause) {
        if (refusalOf(cause) !== 404) throw cause
        throw new MessageError(`RabbitMQ has no exchange ${name}`, {
          code: 'LVG_MESSAGE_UNROUTABLE',
          details: { exchange: name },
          cause,
        })
      }
    })
  }

  /** How many messages wait in a queue; undefined when no queue has the name. */
  async waiting(name: string): Promise<number | undefined> {
    return (await this.inspect(name))?.messages
  }

  /** A queue's waiting messages and consumers; undefined when no queue has the name. */
  async inspect(
    name: string,
  ): Promise<{ readonly messages: number; readonly consumers: number } | undefined> {
    try {
      return await this.#with((channel) => channel.inspectQueue(name))
    } catch (error) {
      if (refusalOf(error) !== 404) throw error
      for (const kind of ['queue', 'own queue']) this.#done.delete(`${kind} ${name}`)
      return undefined
    }
  }

  /** How many messages wait in a queue that is to exist: it is created if need be; undefined when this user may not create it. */
  async waitingIn(name: string): Promise<number | undefined> {
    const count = await this.waiting(name)
    if (count !== undefined) return count
    try {
      await (RESERVED.test(name) ? this.ensureOwnQueue(name) : this.ensureQueue(name))
      return 0
    } catch (error) {
      if (refusalOf(error) === 403) return undefined
      throw error
    }
  }

  /** Removes waiting messages; 0 when no queue has the name. */
  async purge(name: string): Promise<number> {
    try {
      return await this.#with((channel) => channel.purgeQueue(name))
    } catch (error) {
      if (refusalOf(error) === 404) return 0
      throw error
    }
  }

  /** Declares everything again: something that existed no longer does. */
  forget(): void {
    this.#done.clear()
  }

  #argumentsOf(queue: Queue): Readonly<Record<string, unknown>> {
    return { ...this.#options.queueArguments, ...queueArguments(queue) }
  }

  async #declareQueue(queue: Queue): Promise<void> {
    const { name, durable = true, autoDelete = false, exclusive = false } = queue
    const { exchange = name, exchangeType = 'direct', routingKey = name } = queue
    const declared: AmqpQueue = { name, durable, autoDelete, exclusive, arguments: this.#argumentsOf(queue) }
    if (exchange !== '') await this.ensureExchange(exchange, { type: exchangeType, durable: true })
    await this.#orAsItIs(
      `queue ${name}`,
      async (channel) => void (await channel.declareQueue(declared)),
      async (channel) => void (await channel.inspectQueue(name)),
    )
    if (exchange === '') return
    await this.#with((channel) => channel.bindQueue(name, exchange, routingKey))
    // Where Celery delays in the broker: with quorum queues, for exchanges that are not direct.
    if (this.isQuorum(name) && exchangeType !== 'direct') {
      await this.#once('delays', () => this.#declareDelays())
      await this.#with((channel) =>
        bindExchangeToDelays(channel, { queue: name, exchange, routingKey }, this.#options.delays),
      )
    }
  }

  async #declareDelays(): Promise<void> {
    const { delays } = this.#options
    const inspect = (channel: AmqpChannel): Promise<void> => inspectDelays(channel, delays)
    try {
      return await this.#with(inspect)
    } catch (error) {
      if (refusalOf(error) !== 404) throw error
    }
    await this.#orAsItIs(
      'the queues for delays (celery_delayed_27 …)',
      (channel) => declareDelays(channel, delays),
      inspect,
    )
  }

  /** 406: it exists with other arguments. */
  async #orAsItIs(
    what: string,
    declare: (channel: AmqpChannel) => Promise<void>,
    inspect: (channel: AmqpChannel) => Promise<void>,
  ): Promise<void> {
    try {
      await this.#with(declare)
    } catch (error) {
      if (refusalOf(error) !== 406) throw error
      await this.#with(inspect)
      if (this.#warned.has(what)) return
      this.#warned.add(what)
      this.#logger.warn(
        { err: error },
        `${what} exists in RabbitMQ with different arguments: it is used as it is`,
      )
    }
  }

  #once(step: string, work: () => Promise<void>): Promise<void> {
    const known = this.#done.get(step)
    if (known) return known
    const doing = work()
    this.#done.set(step, doing)
    doing.catch(() => {
      if (this.#done.get(step) === doing) this.#done.delete(step)
    })
    return doing
  }

  /** One at a time: a refusal closes the channel, and with it every other operation on it. */
  #with<Result>(work: (channel: AmqpChannel) => Promise<Result>): Promise<Result> {
    const doing = this.#turn.then(async () => {
      if (!this.#channel?.isOpen) {
        const channel = await this.#connection.channel()
        channel.onClosed((error) => refusalOf(error) === undefined && this.forget())
        this.#channel = channel
      }
      return work(this.#channel)
    })
    this.#turn = doing.catch(() => {})
    return doing
  }
}

/** Queues of the driver, of Celery's control and events, and of the server: consuming one would take messages meant for others. */
const RESERVED =
  /^amq\.|^lovage_(?:orphans|dead_queues)$|^(?:.+_)?celery_delayed_\d+$|\.celery\.pidbox$|^celeryev[.]/

/** Why a name cannot be that of a task queue. */
function reservedName(name: string): MessageError | undefined {
  if (name !== '' && Buffer.byteLength(name) <= 255 && !RESERVED.test(name)) return undefined
  const why = RESERVED.test(name) ? 'the broker uses that name itself' : 'AMQP allows 1 to 255 bytes'
  return new MessageError(`"${name.slice(0, 80)}" is not a valid queue name: ${why}`, {
    code: 'LVG_MESSAGE_UNROUTABLE',
    details: { queue: name },
    hint: 'Choose another name.',
  })
}
