import { newId, type Unsubscribe } from '../../kernel/index.js'
import {
  decodeEnvelope,
  encodeEnvelope,
  type IncomingMessage,
  type OutgoingMessage,
} from '../../message/index.js'
import { escapeGlob, type RedisConnection, type RedisSubscriber } from '../../redis-client/index.js'
import { matchesTopic } from '../topic.js'
import { priorityToWire } from '../wire-priority.js'
import type { RedisKeys } from './keys.js'
import { priorityFromWire } from './priority.js'

/** kombu's fanout exchanges: channels `/<db>.<exchange>[/<routing key>]`, heard by whoever listens now. */
export class Fanout {
  readonly #connection: RedisConnection
  readonly #subscriber: RedisSubscriber
  readonly #keys: RedisKeys

  constructor(connection: RedisConnection, subscriber: RedisSubscriber, keys: RedisKeys) {
    this.#connection = connection
    this.#subscriber = subscriber
    this.#keys = keys
  }

  async broadcast(message: OutgoingMessage): Promise<void> {
    const channel = this.#keys.channel(message.exchange, message.routingKey)
    await this.#connection.command('publish', channel, encodeEnvelope(message, priorityToWire, newId()))
  }

  async subscribe(
    exchange: string,
    on: (message: IncomingMessage) => void,
    topic: string | undefined,
  ): Promise<Unsubscribe> {
    const hear = (payload: string): void => {
      const message = decodeEnvelope(payload, priorityFromWire)
      // A stranger's bytes on a channel that anyone may write to: there is no queue in which to keep them.
      if (!('headers' in message)) return
      if (topic === undefined || matchesTopic(topic, message.routingKey)) on(message)
    }
    if (topic === '') return this.#subscriber.subscribe([this.#keys.channel(exchange, '')], hear)
    return this.#subscriber.subscribePattern(this.#patterns(exchange, topic), hear)
  }

  #patterns(exchange: string, topic: string | undefined): string[] {
    const exact = escapeGlob(this.#keys.channel(exchange, ''))
    if (topic === undefined) return [exact, `${exact}/*`]
    // A glob's star crosses dots, so it may match more; the matcher decides.
    const glob = escapeGlob(topic).replace(/\\\*/g, '*').replace(/#/g, '*')
    return topic === '#' ? [exact, `${exact}/*`] : [`${exact}/${glob}`]
  }
}
