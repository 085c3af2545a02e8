import {
  type DeadLetter,
  type DeadLetterQuery,
  type DeadLetterStore,
  listLetters,
} from '../../../dead-letter/index.js'
import {
  ConnectionError,
  delay,
  type Logger,
  type Page,
  stayAlive,
  systemClock,
} from '../../../kernel/index.js'
import { type AmqpConnection, type AmqpDelivery, refusalOf } from '../client/index.js'
import type { Publisher } from './publisher.js'
import type { Topology } from './topology.js'

/** The queue in which the dead letters of another lie. */
export const deadQueue = (queue: string): string => `${queue}.dead`
export const isDeadQueue = (queue: string): boolean => queue.endsWith('.dead')

/** How long somebody else may read the same letters. */
const PATIENCE_MS = 20_000
const SILENCE_MS = 5_000
const MISSING_MS = 60_000

/**
 * Dead letters in durable queues, `<queue>.dead`, one message each. A queue is no table: whoever looks reads all of them, and puts them
 * back, alone meanwhile. Good for hundreds; `deadLetterUrl` names a store for more.
 */
export class AmqpDeadLetters implements DeadLetterStore {
  readonly #connection: AmqpConnection
  readonly #topology: Topology
  readonly #publisher: Publisher
  readonly #logger: Logger
  /** When a queue was looked for, and not there. */
  readonly #missingMs = new Map<string, number>()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(connection: AmqpConnection, topology: Topology, publisher: Publisher, logger: Logger) {
    this.#connection = connection
    this.#topology = topology
    this.#publisher = publisher
    this.#logger = logger
  }

  async add(letters: readonly DeadLetter[]): Promise<void> {
    for (const { queue } of letters) this.#missingMs.delete(deadQueue(queue))
    await Promise.all(
      letters.map((letter) =>
        this.#publisher.toQueue(deadQueue(letter.queue), {
          body: write(letter),
          properties: {
            contentType: 'application/json',
            contentEncoding: 'utf-8',
            deliveryMode: 2,
            headers: { 'x-lovage-dead-letter': letter.id, task: letter.task, reason: letter.reason },
            ...(letter.taskId === null ? {} : { correlationId: letter.taskId.slice(0, 255) }),
          },
        }),
      ),
    )
  }

  async list(query: DeadLetterQuery): Promise<Page<DeadLetter>> {
    const found: DeadLetter[] = []
    for (const queue of this.#queues(query.queue)) found.push(...(await this.#read(queue, () => false)))
    // A letter that was stored twice is one.
    return listLetters(new Map(found.map((letter) => [letter.id, letter])).values(), query)
  }

  async count(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>()
    const nowMs = Date.now()
    for (const dead of this.#queues()) {
      // Metrics ask often, and the server's log has a line for each question about a queue that is not there.
      if (nowMs - (this.#missingMs.get(dead) ?? 0) < MISSING_MS) continue
      const count = await this.#topology.waiting(dead)
      if (count === undefined) this.#missingMs.set(dead, nowMs)
      if (count) counts.set(dead.slice(0, -deadQueue('').length), count)
    }
    return counts
  }

  async take(ids: readonly string[]): Promise<readonly DeadLetter[]> {
    const wanted = new Set(ids)
    const taken = new Map<string, DeadLetter>()
    for (const queue of this.#queues()) {
      if (taken.size === wanted.size) break
      for (const letter of await this.#read(queue, ({ id }) => wanted.has(id)))
        if (wanted.has(letter.id)) taken.set(letter.id, letter)
    }
    return [...taken.values()]
  }

  /** Of one queue, or of all that this process has named. */
  #queues(queue?: string): readonly string[] {
    if (queue !== undefined) return [deadQueue(queue)]
    const { names } = this.#topology
    return [...new Set(names.map((name) => (isDeadQueue(name) ? name : deadQueue(name))))]
  }

  /** Reads all letters of a queue, and removes those that are to go. */
  #read(queue: string, mayGo: (letter: DeadLetter) => boolean): Promise<readonly DeadLetter[]> {
    const reading = this.#turn.then(async () => {
      for (const endMs = Date.now() + PATIENCE_MS; ; ) {
        // Most queues have none; one that is not there is not made.
        if (!(await this.#topology.waiting(queue))) return []
        try {
          return await this.#readAll(queue, mayGo)
        } catch (error) {
          const isTaken = refusalOf(error) === 403 || refusalOf(error) === 405
          if (!isTaken || Date.now() > endMs) throw error
          await delay(systemClock, 50)
        }
      }
    })
    this.#turn = reading.catch(() => {})
    return stayAlive(reading)
  }

  async #readAll(queue: string, mayGo: (letter: DeadLetter) => boolean): Promise<readonly DeadLetter[]> {
    const channel = await this.#connection.channel()
    try {
      const came: AmqpDelivery[] = []
      let wake = (): void => {}
      // Alone: what others hold meanwhile could not be seen.
      await channel.consume(queue, {
        exclusive: true,
        onDelivery: (delivery) => {
          came.push(delivery)
          wake()
        },
      })
      // Asked on the same channel and after the consumer began, so what is not counted here is on its way.
      const total = came.length + ((await this.#topology.waiting(queue)) ?? 0)
      const letters: DeadLetter[] = []
      for (let at = 0; at < Math.max(total, came.length); at++) {
        const endMs = Date.now() + SILENCE_MS
        while (came.length <= at) {
          if (!channel.isOpen || Date.now() > endMs)
            throw new ConnectionError(`The dead letters in ${queue} did not come`, {
              code: 'LVG_CONNECTION_FAILED',
            })
          await Promise.race([
            new Promise<void>((resolve) => {
              wake = resolve
            }),
            delay(systemClock, 100),
          ])
        }
        const delivery = came[at]
        const letter = delivery && this.#letterIn(queue, delivery)
        if (!delivery || !letter) continue
        letters.push(letter)
        if (mayGo(letter)) channel.ack(delivery.tag)
      }
      return letters
    } finally {
      // Everything else goes back to its place.
      await channel.close()
    }
  }

  #letterIn(queue: string, { body }: AmqpDelivery): DeadLetter | undefined {
    try {
      return read(body.toString())
    } catch (error) {
      this.#logger.warn({ err: error, queue }, 'a message in a queue of dead letters is none; it stays there')
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
  // Written by `write`; a stranger's message has no id, or is no JSON.
  const { text, base64, ...letter } = JSON.parse(json) as DeadLetter & { text?: string; base64?: string }
  if (typeof letter.id !== 'string' || typeof letter.queue !== 'string') throw new TypeError('it has no id')
  return { ...letter, raw: text ?? Buffer.from(base64 ?? '', 'base64') }
}
