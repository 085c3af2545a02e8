import type { AmqpDelivery } from '../client/index.js'
import type { AmqpPublisher } from './amqp-publisher.js'
import type { QueueReader } from './read-queue.js'
import type { Topology } from './topology.js'

/** The queue that lists the existing queues of dead letters. */
export const DEAD_QUEUES = 'lovage_dead_queues'
/** How long a reading of the index is cached while the index does not grow: metrics poll often. */
const FRESH_MS = 30_000

/**
 * The names of queues with dead letters, for processes that do not know them yet: AMQP cannot list queues, so each name is a message in one
 * well-known queue. A name is written before the first letter of its queue, so that no crash hides a queue; duplicates written by two
 * processes at the same time are removed by the next reading.
 */
export class DeadQueueIndex {
  readonly #reader: QueueReader
  readonly #publisher: AmqpPublisher
  readonly #topology: Topology
  /** Names read from the index, or written to it by us. */
  #names: ReadonlySet<string> = new Set()
  #readMs = Number.NEGATIVE_INFINITY
  /** When there was no index, and this user could not create one. */
  #missingMs = Number.NEGATIVE_INFINITY
  readonly #noting = new Map<string, Promise<void>>()

  constructor(reader: QueueReader, publisher: AmqpPublisher, topology: Topology) {
    this.#reader = reader
    this.#publisher = publisher
    this.#topology = topology
  }

  /** Resolves when every process can find the queue. */
  note(deadQueue: string): Promise<void> {
    const noting = this.#noting.get(deadQueue) ?? this.#note(deadQueue)
    this.#noting.set(deadQueue, noting)
    noting.catch(() => this.#noting.delete(deadQueue))
    return noting
  }

  /** All names at this moment: one that was added since the last reading makes the index longer. */
  async names(): Promise<ReadonlySet<string>> {
    const isOld = Date.now() - this.#readMs >= FRESH_MS
    if ((await this.#length()) > this.#names.size || isOld) await this.#read()
    return this.#names
  }

  async #length(): Promise<number> {
    if (Date.now() - this.#missingMs < FRESH_MS) return 0
    const length = await this.#topology.waitingIn(DEAD_QUEUES)
    if (length === undefined) this.#missingMs = Date.now()
    return length ?? 0
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
