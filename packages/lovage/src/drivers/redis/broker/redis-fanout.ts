import { type OnMissed, priorityToWire } from '../../../broker/index.js'
import { decodeEnvelope, encodeEnvelope } from '../../../envelope/index.js'
import { type Logger, newId, type Unsubscribe } from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'
import { matchesTopic, safeListener } from '../../shared/index.js'
import { escapeGlob, type RedisLink, type RedisSubscriber } from '../client/index.js'
import { priorityFromWire } from './priority.js'
import type { RedisKeys } from './redis-keys.js'

/** How long the presence of replicas is cached. */
const REPLICAS_MS = 30_000

/** kombu's fanout exchanges: channels `/<db>.<exchange>[/<routing key>]`, received by the current listeners. */
export class RedisFanout {
  readonly #connection: RedisLink
  readonly #subscriber: RedisSubscriber
  readonly #keys: RedisKeys
  readonly #logger: Logger
  #replicas: Promise<boolean> = Promise.resolve(true)
  #askedMs = Number.NEGATIVE_INFINITY

  constructor(connection: RedisLink, subscriber: RedisSubscriber, keys: RedisKeys, logger: Logger) {
    this.#connection = connection
    this.#subscriber = subscriber
    this.#keys = keys
    this.#logger = logger
  }

  /** Redis counts only listeners at this server; listeners at a replica are not included, so with replicas the number is unknown. */
  async broadcast(message: OutgoingMessage): Promise<number | undefined> {
    const channel = this.#keys.channel(message.exchange, message.routingKey)
    const envelope = encodeEnvelope(message, priorityToWire, newId())
    const heard = await this.#connection.command<number>('publish', channel, envelope)
    return heard > 0 || !(await this.#hasReplicas()) ? heard : undefined
  }

  async #hasReplicas(): Promise<boolean> {
    const nowMs = performance.now()
    if (nowMs >= this.#askedMs + REPLICAS_MS) {
      this.#askedMs = nowMs
      this.#replicas = this.#connection
        .command<string>('info', 'replication')
        // A user without permission to ask gets no answer.
        .then(
          (text) => !/connected_slaves:0\b/.test(text),
          () => true,
        )
    }
    return this.#replicas
  }

  async subscribe(
    exchange: string,
    on: (message: IncomingMessage) => void,
    topic: string | undefined,
    onMissed: OnMissed | undefined,
  ): Promise<Unsubscribe> {
    const hearSafely = safeListener(exchange, on, this.#logger)
    const hear = (payload: string): void => {
      const message = decodeEnvelope(payload, priorityFromWire)
      // Foreign bytes on a channel that anyone may write to: there is no queue in which to keep them.
      if (message instanceof Error)
        return this.#logger.warn({ err: message, exchange }, 'a broadcast could not be read')
      if (topic === undefined || matchesTopic(topic, message.routingKey)) hearSafely(message)
    }
    const end = await (topic === '' || !this.#keys.hasPatterns
      ? this.#subscriber.subscribe([this.#keys.channel(exchange, '')], hear)
      : this.#subscriber.subscribePattern(this.#patterns(exchange, topic), hear))
    if (!onMissed) return end
    const forget = this.#subscriber.onMissed(onMissed)
    return () => {
      forget()
      end()
    }
  }

  #patterns(exchange: string, topic: string | undefined): string[] {
    const exact = escapeGlob(this.#keys.channel(exchange, ''))
    if (topic === undefined) return [exact, `${exact}/*`]
    // A glob's star also matches dots, so it may match more; the matcher decides.
    const glob = escapeGlob(topic).replace(/\\\*/g, '*').replace(/#/g, '*')
    return topic === '#' ? [exact, `${exact}/*`] : [`${exact}/${glob}`]
  }
}
