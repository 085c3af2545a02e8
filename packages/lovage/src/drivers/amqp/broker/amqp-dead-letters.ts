import {
  type DeadLetter,
  type DeadLetterQuery,
  type DeadLetterStore,
  listLetters,
} from '../../../dead-letter/index.js'
import type { Logger, Page } from '../../../kernel/index.js'
import type { AmqpConnection, AmqpDelivery } from '../client/index.js'
import type { AmqpPublisher } from './amqp-publisher.js'
import { DeadQueueIndex } from './dead-queue-index.js'
import { QueueReader } from './read-queue.js'
import type { Topology } from './topology.js'

/** The queue that holds another queue's dead letters. */
export const deadQueue = (queue: string): string => `${queue}.dead`
/** The queue that dead letters come from. */
const sourceOf = (dead: string): string => dead.slice(0, -deadQueue('').length)
export const isDeadQueue = (queue: string): boolean => queue.endsWith('.dead')

const MISSING_MS = 60_000
const LONGEST_SHOWN = 63

/**
 * Dead letters in durable queues, `<queue>.dead`, one message each. A queue is not a table: a reader fetches all of them and puts them
 * back, with exclusive access meanwhile. Suitable for hundreds; `deadLetterUrl` names a store for more.
 */
export class AmqpDeadLetters implements DeadLetterStore {
  readonly #reader: QueueReader
  readonly #index: DeadQueueIndex
  readonly #topology: Topology
  readonly #publisher: AmqpPublisher
  readonly #logger: Logger
  /** When a queue was last looked up and did not exist. */
  readonly #missingMs = new Map<string, number>()

  constructor(connection: AmqpConnection, topology: Topology, publisher: AmqpPublisher, logger: Logger) {
    this.#reader = new QueueReader({ connection, topology })
    this.#index = new DeadQueueIndex(this.#reader, publisher, topology)
    this.#topology = topology
    this.#publisher = publisher
    this.#logger = logger
  }

  async add(letters: readonly DeadLetter[]): Promise<void> {
    const queues = new Set(letters.map(({ queue }) => deadQueue(queue)))
    await Promise.all([...queues].map((queue) => this.#index.note(queue)))
    await Promise.all(
      letters.map((letter) =>
        this.#publisher.toQueue(deadQueue(letter.queue), {
          body: write(letter),
          properties: {
            contentType: 'application/json',
            contentEncoding: 'utf-8',
            deliveryMode: 2,
            headers: {
              'x-lovage-dead-letter': letter.id,
              task: letter.task?.slice(0, LONGEST_SHOWN) ?? null,
              reason: letter.reason,
            },
            // For people who inspect the queue with other tools; a quarter of AMQP's limit, so that any characters fit.
            ...(letter.taskId === null ? {} : { correlationId: letter.taskId.slice(0, LONGEST_SHOWN) }),
          },
        }),
      ),
    )
  }

  async list(query: DeadLetterQuery): Promise<Page<DeadLetter>> {
    const found: DeadLetter[] = []
    for (const queue of await this.#queues(query.queue)) found.push(...(await this.#read(queue, () => false)))
    // A letter that was stored twice counts once.
    return listLetters(new Map(found.map((letter) => [letter.id, letter])).values(), query)
  }

  async count(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>()
    const nowMs = Date.now()
    const indexed = await this.#index.names()
    for (const dead of this.#withOwn(indexed)) {
      const isIndexed = indexed.has(dead)
      // Metrics poll often, and the server logs a line for each lookup of a queue that does not exist.
      if (!isIndexed && nowMs - (this.#missingMs.get(dead) ?? 0) < MISSING_MS) continue
      const count = await (isIndexed ? this.#topology.waitingIn(dead) : this.#topology.waiting(dead))
      if (count === undefined) this.#missingMs.set(dead, nowMs)
      if (count) counts.set(sourceOf(dead), count)
    }
    return counts
  }

  /** The queues whose tasks any process has buried. */
  async sources(): Promise<readonly string[]> {
    return [...(await this.#index.names())].map(sourceOf)
  }

  async take(ids: readonly string[]): Promise<readonly DeadLetter[]> {
    const wanted = new Set(ids)
    const taken = new Map<string, DeadLetter>()
    for (const queue of await this.#queues()) {
      if (taken.size === wanted.size) break
      for (const letter of await this.#read(queue, ({ id }) => wanted.has(id)))
        if (wanted.has(letter.id)) taken.set(letter.id, letter)
    }
    return [...taken.values()]
  }

  /** The letters of one queue, or of all queues that this process has named or the index lists. */
  async #queues(queue?: string): Promise<readonly string[]> {
    return queue === undefined ? this.#withOwn(await this.#index.names()) : [deadQueue(queue)]
  }

  #withOwn(indexed: Iterable<string>): readonly string[] {
    const own = this.#topology.names.map((name) => (isDeadQueue(name) ? name : deadQueue(name)))
    return [...new Set([...own, ...indexed])]
  }

  /** Reads all letters of a queue, and removes those selected. */
  async #read(queue: string, mayGo: (letter: DeadLetter) => boolean): Promise<readonly DeadLetter[]> {
    const letters: DeadLetter[] = []
    await this.#reader.read(queue, (delivery) => {
      const letter = this.#letterIn(queue, delivery)
      if (letter) letters.push(letter)
      return letter !== undefined && mayGo(letter)
    })
    return letters
  }

  #letterIn(queue: string, { body }: AmqpDelivery): DeadLetter | undefined {
    try {
      return read(body.toString())
    } catch (error) {
      this.#logger.warn(
        { err: error, queue },
        'a message in a dead letter queue is not a dead letter; it stays there',
      )
      return undefined
    }
  }
}

function write({ raw, ...letter }: DeadLetter): string {
  return JSON.stringify({
    ...letter,
    ...(typeof raw === 'string' ? { text: raw } : { base64: raw.toString('base64') }),
  })
}

function read(json: string): DeadLetter {
  // Written by `write`; a foreign message has no id, or is not JSON.
  const { text, base64, ...letter } = JSON.parse(json) as DeadLetter & { text?: string; base64?: string }
  if (typeof letter.id !== 'string' || typeof letter.queue !== 'string') throw new TypeError('it has no id')
  return { ...letter, raw: text ?? Buffer.from(base64 ?? '', 'base64') }
}
