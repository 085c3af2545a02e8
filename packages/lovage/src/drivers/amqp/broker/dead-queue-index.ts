import type { AmqpDelivery } from '../client/index.js'
import type { AmqpPublisher } from './amqp-publisher.js'
import type { QueueReader } from './read-queue.js'

/** The queue that knows which queues of dead letters there are. */
export const DEAD_QUEUES = 'lovage_dead_queues'
/** How long what was read of it holds: metrics ask often. */
const FRESH_MS = 30_000

/**
 * The names of queues in which dead letters lie, for processes that have never heard of them: AMQP lists no queues, so each name is a message in
 * one that everybody knows. A name is written before the first letter of its queue is, so that no crash hides one; doubles of it that two
 * processes wrote at the same time go with the next reading.
 */
export class DeadQueueIndex {
  readonly #reader: QueueReader
  readonly #publisher: AmqpPublisher
  /** Seen in the index, or written there by us. */
  #names: ReadonlySet<string> = new Set()
  #readMs = Number.NEGATIVE_INFINITY
  readonly #noting = new Map<string, Promise<void>>()

  constructor(reader: QueueReader, publisher: AmqpPublisher) {
    this.#reader = reader
    this.#publisher = publisher
  }

  /** Resolves when everybody can find the queue. */
  note(deadQueue: string): Promise<void> {
    const noting = this.#noting.get(deadQueue) ?? this.#note(deadQueue)
    this.#noting.set(deadQueue, noting)
    noting.catch(() => this.#noting.delete(deadQueue))
    return noting
  }

  async names(): Promise<ReadonlySet<string>> {
    if (Date.now() - this.#readMs >= FRESH_MS) await this.#read()
    return this.#names
  }

  async #note(deadQueue: string): Promise<void> {
    await this.#read()
    if (this.#names.has(deadQueue)) return
    await this.#publisher.toOwnQueue(DEAD_QUEUES, {
      body: deadQueue,
      properties: { contentType: 'text/plain', contentEncoding: 'utf-8', deliveryMode: 2 },
    })
    this.#names = new Set([...this.#names, deadQueue])
  }

  async #read(): Promise<void> {
    const names = new Set<string>()
    await this.#reader.read(DEAD_QUEUES, ({ body }: AmqpDelivery) => {
      const name = body.toString()
      if (names.has(name)) return true
      names.add(name)
      return false
    })
    this.#names = names
    this.#readMs = Date.now()
  }
}
