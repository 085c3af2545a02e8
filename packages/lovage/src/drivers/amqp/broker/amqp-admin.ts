import type { QueueAdmin, QueueDepth, QueuedMessage } from '../../../broker/index.js'
import { CapabilityError, delay, type Page, stayAlive, systemClock } from '../../../kernel/index.js'
import type { IncomingMessage } from '../../../message/index.js'
import type { AmqpConnection, AmqpDelivery } from '../client/index.js'
import { type AmqpDeadLetters, isDeadQueue } from './amqp-dead-letters.js'
import type { AmqpPublisher } from './amqp-publisher.js'
import type { Topology } from './topology.js'
import { fromWire } from './wire-message.js'

const MOST_MOVED = 500
const SILENCE_MS = 2_000

/** Queue administration on AMQP: limited to queues that this process has named or that have had letters, without access to single messages. */
export class AmqpAdmin implements QueueAdmin {
  readonly #connection: AmqpConnection
  readonly #topology: Topology
  readonly #publisher: AmqpPublisher
  readonly #letters: Pick<AmqpDeadLetters, 'sources'>

  constructor(
    connection: AmqpConnection,
    topology: Topology,
    publisher: AmqpPublisher,
    letters: Pick<AmqpDeadLetters, 'sources'>,
  ) {
    this.#letters = letters
    this.#connection = connection
    this.#topology = topology
    this.#publisher = publisher
  }

  async queues(): Promise<readonly string[]> {
    const named = this.#topology.names.filter((name) => !isDeadQueue(name))
    return this.existing([...new Set([...named, ...(await this.#letters.sources())])])
  }

  async existing(names: readonly string[]): Promise<readonly string[]> {
    const existing: string[] = []
    for (const name of names) if ((await this.#topology.waiting(name)) !== undefined) existing.push(name)
    return existing
  }

  async depths(queues: readonly string[]): Promise<ReadonlyMap<string, QueueDepth>> {
    const depths = new Map<string, QueueDepth>()
    for (const queue of queues) {
      const { messages: ready, consumers } = (await this.#topology.inspect(queue)) ?? {
        messages: 0,
        consumers: 0,
      }
      depths.set(queue, { ready, consumers })
    }
    return depths
  }

  async purge(queue: string, see?: (message: IncomingMessage) => void): Promise<number> {
    if (!see) return this.#topology.purge(queue)
    const taken = this.#take(queue, async (batch) => {
      for (const delivery of batch) {
        const message = fromWire(delivery, queue)
        if (!(message instanceof Error)) see(message)
      }
    })
    return stayAlive(taken)
  }

  /** Each message reaches the other queue before it leaves this one: a crash in between leaves it in both. */
  move(from: string, to: string): Promise<number> {
    const moved = this.#take(from, async (batch) => {
      await Promise.all(
        batch.map(({ body, properties }) => this.#publisher.toQueue(to, { body, properties })),
      )
    })
    return stayAlive(moved)
  }

  /** Removes all messages that wait now, in batches, each when `handle` has resolved. */
  async #take(from: string, handle: (batch: readonly AmqpDelivery[]) => Promise<void>): Promise<number> {
    let left = (await this.#topology.waiting(from)) ?? 0
    let moved = 0
    if (left === 0) return 0
    const channel = await this.#connection.channel()
    try {
      let came: AmqpDelivery[] = []
      await channel.prefetch(MOST_MOVED, false)
      const consumer = await channel.consume(from, { onDelivery: (delivery) => came.push(delivery) })
      for (let lastMs = Date.now(); left > 0 && Date.now() - lastMs < SILENCE_MS; ) {
        if (came.length === 0) {
          await delay(systemClock, 5)
          continue
        }
        const batch = came.slice(0, left)
        came = came.slice(batch.length)
        await handle(batch)
        for (const { tag } of batch) channel.ack(tag)
        left -= batch.length
        moved += batch.length
        lastMs = Date.now()
      }
      await channel.cancel(consumer)
    } finally {
      await channel.close()
    }
    return moved
  }

  browse(): Promise<Page<QueuedMessage>> {
    return denied()
  }

  find(): Promise<readonly QueuedMessage[]> {
    return denied()
  }

  remove(): Promise<number> {
    return denied()
  }

  promote(): Promise<number> {
    return denied()
  }
}

function denied(): Promise<never> {
  return Promise.reject(
    new CapabilityError('RabbitMQ cannot list or change single messages of a queue.', {
      code: 'LVG_CAPABILITY_MISSING',
      hint: 'Revoke tasks by id instead (app.control.revoke, lovage control revoke).',
    }),
  )
}
