import { priorityToWire } from '../../../broker/index.js'
import { decodeEnvelope, encodeEnvelope } from '../../../envelope/index.js'
import type { Logger, Unsubscribe } from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'
import { safeListener } from '../../shared/index.js'
import {
  isConnectionLoss,
  patient,
  RedisConnection,
  type RedisLink,
  type RedisTarget,
} from '../client/index.js'
import { priorityFromWire } from './priority.js'
import type { RedisKeys } from './redis-keys.js'
import type { RedisRouting } from './redis-routing.js'

/** Seconds for which one wait blocks; a dead connection is noticed after it. */
const WAIT_S = 5
/** An unread reply list expires after this many seconds. */
const KEPT_S = 60

/** kombu's way of replies: a list of the caller's own, bound to the exchange for as long as the caller waits. */
export class Inboxes {
  readonly #target: RedisTarget
  readonly #connection: RedisLink
  readonly #routing: RedisRouting
  readonly #keys: RedisKeys
  readonly #logger: Logger

  constructor(
    target: RedisTarget,
    connection: RedisLink,
    routing: RedisRouting,
    keys: RedisKeys,
    logger: Logger,
  ) {
    this.#target = target
    this.#connection = connection
    this.#routing = routing
    this.#keys = keys
    this.#logger = logger
  }

  /** A reply to a caller that is gone is dropped: its list would stay forever. */
  async reply(message: OutgoingMessage, tag: string): Promise<void> {
    const { exchange, routingKey } = message
    const payload = encodeEnvelope(message, priorityToWire, tag)
    for (const queue of await this.#routing.lookUp(exchange, routingKey)) {
      const list = this.#keys.list(queue, 0)
      await this.#connection.together(() =>
        Promise.all([
          this.#connection.command('lpush', list, payload),
          this.#connection.command('expire', list, KEPT_S),
        ]),
      )
    }
  }

  async open(
    exchange: string,
    routingKey: string,
    on: (message: IncomingMessage) => void,
  ): Promise<Unsubscribe> {
    const queue = `${routingKey}.${exchange}`
    await this.#removeStale(exchange)
    await this.#saysItWaits(queue)
    await this.#routing.declare([{ name: queue, exchange, routingKey, autoDelete: true }])
    const waiting = new RedisConnection(patient(this.#target, WAIT_S), 'lovage:inbox')
    const hear = safeListener(exchange, on, this.#logger)
    let isOpen = true
    const wait = async (): Promise<void> => {
      while (isOpen) {
        try {
          await this.#saysItWaits(queue)
          const popped = await waiting.command<[string, string] | null>(
            'brpop',
            this.#keys.list(queue, 0),
            WAIT_S,
          )
          const message = popped && decodeEnvelope(popped[1], priorityFromWire)
          if (message && !(message instanceof Error) && isOpen) hear(message)
        } catch (error) {
          // A lost connection is restored by the next command; a listener's error, or a server's refusal, does not end the inbox either.
          // Closing the inbox closes the connection.
          if (!isOpen) return
          await new Promise((resolve) => setTimeout(resolve, isConnectionLoss(error) ? 100 : 1_000))
        }
      }
    }
    void wait()
    return () => {
      isOpen = false
      waiting.close()
      // Closing the broker removes what could not be removed here.
      this.#routing.remove(queue).catch(() => undefined)
      this.#connection.command('zrem', this.#keys.inboxes, queue).catch(() => undefined)
    }
  }

  async #saysItWaits(queue: string): Promise<void> {
    await this.#connection.command('zadd', this.#keys.inboxes, Date.now() + KEPT_S * 1000, queue)
  }

  /** A process that was killed while it waited has left a binding and a list, which nothing else would ever remove. */
  async #removeStale(exchange: string): Promise<void> {
    const { inboxes } = this.#keys
    const stale = await this.#connection.command<string[]>('zrangebyscore', inboxes, 0, Date.now())
    const mine = stale.filter((queue) => queue.endsWith(`.${exchange}`))
    if (mine.length === 0) return
    const routingKeyOf = (queue: string): string => queue.slice(0, -exchange.length - 1)
    await Promise.all(
      mine.map((name) => this.#routing.removeStale({ name, exchange, routingKey: routingKeyOf(name) })),
    )
    await this.#connection.command('zrem', inboxes, ...mine)
  }
}
