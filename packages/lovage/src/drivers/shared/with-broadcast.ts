import type { Broker, ConsumeOptions, Consumer, Queue } from '../../broker/index.js'
import { CapabilityError, type Unsubscribe } from '../../kernel/index.js'
import type { OutgoingMessage } from '../../message/index.js'
import { delegate } from './delegate.js'

/** The queue in which a node keeps its copies. */
const copiesOf = (queue: string, node: string): string => `bcast.${queue}.${node}`

/**
 * A broker some of whose queues give every consumer a copy. Messages sent to them are broadcast, as kombu's fanout exchanges do; each
 * consumer puts what it receives into its own queue, and consumes that: claimed, retried and given back like any other.
 */
export function withBroadcast(broker: Broker, queues: readonly Queue[]): Broker {
  const exchanges = new Map(queues.map(({ name, exchange = name }) => [name, exchange]))
  const shared = new Set(exchanges.values())
  const isCast = ({ exchange }: OutgoingMessage): boolean => shared.has(exchange)
  const cast = async (messages: readonly OutgoingMessage[]): Promise<void> => {
    await Promise.all(messages.map((message) => broker.broadcast(message)))
  }
  const { publishIn } = broker
  return {
    ...delegate(broker),
    declare: (all) => broker.declare(all.filter(({ name }) => !exchanges.has(name))),
    async publish(messages) {
      if (!messages.some(isCast)) return broker.publish(messages)
      await cast(messages.filter(isCast))
      const others = messages.filter((message) => !isCast(message))
      if (others.length > 0) await broker.publish(others)
    },
    ...(publishIn
      ? {
          async publishIn(transaction, messages, declared) {
            if (messages.some(isCast))
              throw new CapabilityError('A broadcast cannot be part of a transaction.', {
                code: 'LVG_CAPABILITY_MISSING',
              })
            return publishIn.call(broker, transaction, messages, declared)
          },
        }
      : {}),
    async consume(options) {
      const copies = new Copies(broker, exchanges, options)
      const names = await copies.follow(options.queues)
      const consumer = await broker.consume({ ...options, queues: names })
      return castingConsumer(consumer, copies, { isCast, cast })
    },
  }
}

function castingConsumer(
  consumer: Consumer,
  copies: Copies,
  {
    isCast,
    cast,
  }: {
    readonly isCast: (message: OutgoingMessage) => boolean
    readonly cast: (messages: readonly OutgoingMessage[]) => Promise<void>
  },
): Consumer {
  const { releaseDead } = consumer
  return {
    settlesResults: consumer.settlesResults,
    async settle(settlements) {
      const casts = settlements.flatMap(({ publish = [] }) => publish.filter(isCast))
      if (casts.length === 0) return consumer.settle(settlements)
      // Before the claim ends: a crash in between broadcasts again, and loses nothing.
      await cast(casts)
      return consumer.settle(
        settlements.map((one) =>
          one.publish ? { ...one, publish: one.publish.filter((message) => !isCast(message)) } : one,
        ),
      )
    },
    demand: () => consumer.demand(),
    ...(releaseDead ? { releaseDead: (holders) => releaseDead.call(consumer, holders) } : {}),
    setQueues: async (queues) => consumer.setQueues(await copies.follow(queues)),
    async pause() {
      await copies.end()
      await consumer.pause()
    },
    async close() {
      await copies.end()
      await consumer.close()
    },
  }
}

/** Copies received by a consumer, put into its own queues. */
class Copies {
  readonly #broker: Broker
  readonly #exchanges: ReadonlyMap<string, string>
  readonly #options: ConsumeOptions
  readonly #heard = new Map<string, Unsubscribe>()

  constructor(broker: Broker, exchanges: ReadonlyMap<string, string>, options: ConsumeOptions) {
    this.#broker = broker
    this.#exchanges = exchanges
    this.#options = options
  }

  /** Listens to the broadcasts among these queues, and no longer to others; returns the names to consume. */
  async follow(queues: readonly string[]): Promise<readonly string[]> {
    const node = this.#options.node ?? this.#options.holder
    for (const [name, stop] of this.#heard) {
      if (queues.includes(name)) continue
      this.#heard.delete(name)
      await stop()
    }
    const names: string[] = []
    for (const name of queues) {
      const exchange = this.#exchanges.get(name)
      names.push(exchange === undefined ? name : copiesOf(name, node))
      if (exchange === undefined || this.#heard.has(name)) continue
      await this.#broker.declare([{ name: copiesOf(name, node) }])
      const stop = await this.#broker.subscribe(exchange, (message) => {
        const { redelivered: _, ...copy } = message
        this.#broker
          .publish([{ ...copy, exchange: '', routingKey: copiesOf(name, node) }])
          .catch((error: unknown) =>
            this.#options.logger.error(
              { err: error, queue: name },
              'a broadcast task was received but could not be stored',
            ),
          )
      })
      this.#heard.set(name, stop)
    }
    return names
  }

  async end(): Promise<void> {
    const all = [...this.#heard.values()]
    this.#heard.clear()
    await Promise.all(all.map((stop) => stop()))
  }
}
