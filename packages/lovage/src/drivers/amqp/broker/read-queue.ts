import { ConnectionError, delay, stayAlive, systemClock } from '../../../kernel/index.js'
import { type AmqpConnection, type AmqpDelivery, refusalOf } from '../client/index.js'
import type { Topology } from './topology.js'

/** How long another process may read the same queue. */
const PATIENCE_MS = 20_000
const SILENCE_MS = 5_000

/** The dependencies of reading. */
export interface ReadingParts {
  readonly connection: AmqpConnection
  readonly topology: Topology
}

/**
 * Reads queues that are used as tables: all of a queue's messages, with exclusive access; those not removed go back to their place. One
 * read at a time in this process, as others would wait for us.
 */
export class QueueReader {
  readonly #parts: ReadingParts
  #turn: Promise<unknown> = Promise.resolve()

  constructor(parts: ReadingParts) {
    this.#parts = parts
  }

  /** Shows every message of a queue to `mayGo`, and removes those for which it is true. A queue that does not exist is not created. */
  read(queue: string, mayGo: (delivery: AmqpDelivery) => boolean): Promise<void> {
    const reading = this.#turn.then(async () => {
      for (const endMs = Date.now() + PATIENCE_MS; ; ) {
        if (!(await this.#parts.topology.waiting(queue))) return
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

  async #readAll(queue: string, mayGo: (delivery: AmqpDelivery) => boolean): Promise<void> {
    const { connection, topology } = this.#parts
    const channel = await connection.channel()
    try {
      const came: AmqpDelivery[] = []
      let wake = (): void => {}
      // Exclusive: messages held by others meanwhile could not be seen.
      await channel.consume(queue, {
        exclusive: true,
        onDelivery: (delivery) => {
          came.push(delivery)
          wake()
        },
      })
      // Asked after the consumer has started, so messages not counted here are on their way.
      const total = came.length + ((await topology.waiting(queue)) ?? 0)
      for (let at = 0; at < Math.max(total, came.length); at++) {
        const endMs = Date.now() + SILENCE_MS
        while (came.length <= at) {
          if (!channel.isOpen || Date.now() > endMs)
            throw new ConnectionError(`The messages of ${queue} did not arrive`, {
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
        if (delivery && mayGo(delivery)) channel.ack(delivery.tag)
      }
    } finally {
      // Everything else goes back to its place.
      await channel.close()
    }
  }
}
