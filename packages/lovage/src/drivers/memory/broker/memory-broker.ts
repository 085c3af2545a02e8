import type {
  Broker,
  BrokerCapabilities,
  ConsumeOptions,
  Consumer,
  DepthOptions,
  Queue,
  QueueDepth,
} from '../../../broker/index.js'
import type { DeadLetterStore } from '../../../dead-letter/index.js'
import {
  type Clock,
  ConfigurationError,
  createLogger,
  type Logger,
  systemClock,
  type Unsubscribe,
} from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'
import { type Hear, matchesTopic, safeListener } from '../../shared/index.js'
import { MemoryAdmin } from './memory-admin.js'
import { closed, MemoryConsumer } from './memory-consumer.js'
import { incomingOf, MemoryStore } from './memory-store.js'

/** A subscriber to broadcasts. */
interface Subscription {
  readonly exchange: string
  readonly pattern: string
  readonly hear: Hear
}

/** State shared by all openings of one name; it ends with the last of them. */
interface Shared {
  readonly store: MemoryStore
  readonly subscriptions: Set<Subscription>
  readonly consumers: Set<MemoryConsumer>
  openings: number
}

const shares = new Map<string, Shared>()

const DONE = Promise.resolve()

/** A broker in this process's memory: for tests, and for programs that need no second process. */
class MemoryBroker implements Broker {
  readonly kind = 'memory'
  readonly location: string
  readonly capabilities: BrokerCapabilities = {
    priorities: true,
    durableDelay: true,
    leases: false,
    atomicSettle: true,
    delayAtPublish: true,
    fanout: true,
    once: true,
    browsing: true,
    shared: false,
  }
  readonly admin: MemoryAdmin
  readonly deadLetters: DeadLetterStore
  readonly #name: string
  readonly #logger: Logger
  readonly #shared: Shared
  readonly #store: MemoryStore
  readonly #endings = new Set<() => unknown>()
  #isClosed = false

  constructor(name: string, shared: Shared, logger: Logger) {
    this.#logger = logger
    this.#name = name
    this.#shared = shared
    this.#store = shared.store
    this.location = `memory://${name}`
    this.deadLetters = shared.store.deadLetters
    this.admin = new MemoryAdmin(shared.store, function* () {
      for (const consumer of shared.consumers) yield* consumer.held()
    })
    shared.openings++
  }

  async check(): Promise<readonly string[]> {
    this.#mustBeOpen()
    return []
  }

  async declare(queues: readonly Queue[]): Promise<void> {
    this.#mustBeOpen()
    for (const queue of queues) this.#store.declare(queue)
  }

  publish(messages: readonly OutgoingMessage[]): Promise<void> {
    try {
      this.#mustBeOpen()
      this.#store.publish(messages)
      return DONE
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    this.#mustBeOpen()
    const consumer = new MemoryConsumer(this.#store, options, () => {
      this.#shared.consumers.delete(consumer)
      this.#endings.delete(end)
    })
    const end = (): Promise<void> => consumer.close()
    this.#shared.consumers.add(consumer)
    this.#endings.add(end)
    return consumer
  }

  async broadcast(message: OutgoingMessage): Promise<number> {
    this.#mustBeOpen()
    let heard = 0
    for (const { exchange, pattern, hear } of this.#shared.subscriptions) {
      if (exchange !== message.exchange || !matchesTopic(pattern, message.routingKey)) continue
      heard++
      // Isolated from each other and from the sender: an error in one listener does not affect the others.
      queueMicrotask(() => hear(incomingOf(message, false)))
    }
    return heard
  }

  async subscribe(
    exchange: string,
    on: (message: IncomingMessage) => void,
    pattern = '#',
  ): Promise<Unsubscribe> {
    this.#mustBeOpen()
    const subscription = { exchange, pattern, hear: safeListener(exchange, on, this.#logger) }
    this.#shared.subscriptions.add(subscription)
    const end = (): void => {
      this.#shared.subscriptions.delete(subscription)
      this.#endings.delete(end)
    }
    this.#endings.add(end)
    return end
  }

  /** Replies are broadcasts here: none is kept for a caller that is gone. */
  async reply(message: OutgoingMessage): Promise<void> {
    await this.broadcast(message)
  }

  inbox(exchange: string, routingKey: string, on: (message: IncomingMessage) => void): Promise<Unsubscribe> {
    return this.subscribe(exchange, on, routingKey)
  }

  async depths(
    queues: readonly string[],
    { dueByMs }: DepthOptions = {},
  ): Promise<ReadonlyMap<string, QueueDepth>> {
    this.#mustBeOpen()
    return new Map(
      queues.map((name) => {
        const { ready = 0, delayed = 0, held = 0 } = this.#store.queues.get(name) ?? {}
        const counts = { ready, delayed, unacked: held }
        if (dueByMs === undefined) return [name, counts]
        const due = this.#store.delayed.count((one) => one.queue.name === name && one.dueMs <= dueByMs)
        return [name, { ...counts, due }]
      }),
    )
  }

  async purge(name: string): Promise<number> {
    this.#mustBeOpen()
    const queue = this.#store.queue(name)
    const removed = queue.extract(() => true).length + queue.delayed
    this.#store.delayed.extract((entry) => entry.queue === queue)
    queue.delayed = 0
    this.#store.arm()
    return removed
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const end of [...this.#endings]) await end()
    if (--this.#shared.openings > 0) return
    shares.delete(this.#name)
    this.#store.close()
  }

  #mustBeOpen(): void {
    if (this.#isClosed) throw closed()
  }
}

/**
 * Opens the memory broker that `memory://name` names (the name may be empty). Brokers of the same name in this
 * process share their queues; the messages are gone with the last of them. `clock` takes effect on the first opening.
 *
 * @throws ConfigurationError LVG_CONFIG_INVALID for another URL.
 */
export async function openMemoryBroker(
  url: string,
  options: { readonly clock?: Clock; readonly logger?: Logger } = {},
): Promise<Broker> {
  const [, name] = /^memory:\/\/([^?#]*)$/.exec(url) ?? []
  if (name === undefined)
    throw new ConfigurationError(`This is not a memory broker URL: ${url}`, {
      code: 'LVG_CONFIG_INVALID',
      hint: 'Write memory://name.',
    })
  const shared = shares.get(name) ?? {
    store: new MemoryStore(options.clock ?? systemClock),
    subscriptions: new Set(),
    consumers: new Set(),
    openings: 0,
  }
  shares.set(name, shared)
  return new MemoryBroker(name, shared, options.logger ?? createLogger())
}
