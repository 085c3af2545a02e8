import { matchesTopic, type Queue } from '../../../broker/index.js'
import { ConnectionError, MessageError } from '../../../kernel/index.js'
import type { OutgoingMessage } from '../../../message/index.js'
import { type AmqpChannel, type AmqpConnection, refusalOf } from '../client/index.js'
import { delayRoute } from './delays.js'
import type { Topology } from './topology.js'
import { forDetour, toWire, type WireMessage } from './wire-message.js'

/**
 * Publishes with confirms: resolves when the server has the messages, in its queues and, those that are persistent, on its disk. What is
 * published in one turn of the event loop is written together, and any number may be unconfirmed.
 *
 * Promise: a message that nobody can get is not taken in silence. The queue that it names is declared before, the exchange looked for.
 */
export class Publisher {
  readonly #connection: AmqpConnection
  readonly #topology: Topology
  #channel: Promise<AmqpChannel> | undefined

  constructor(connection: AmqpConnection, topology: Topology) {
    this.#connection = connection
    this.#topology = topology
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    try {
      await this.#publish(messages)
    } catch (error) {
      // A queue or an exchange was deleted behind our back: all that we know is to be looked at again.
      if (refusalOf(error) !== 404) throw error
      this.#topology.forget()
      await this.#publish(messages)
    }
  }

  /** To one queue by its name. */
  async toQueue(queue: string, { body, properties }: WireMessage): Promise<void> {
    await this.#topology.ensureQueue(queue)
    await (await this.#open()).publish('', queue, body, properties)
  }

  /** To one queue, in a while; see `delayRoute`. */
  async toQueueLater(queue: string, delayMs: number, { body, properties }: WireMessage): Promise<void> {
    await this.#topology.ensureDelays(queue)
    const { exchange, routingKey } = delayRoute(queue, delayMs)
    await (await this.#open()).publish(exchange, routingKey, body, properties)
  }

  async #publish(messages: readonly OutgoingMessage[]): Promise<void> {
    const nowMs = Date.now()
    await this.#prepare(messages, nowMs)
    const channel = await this.#open()
    await Promise.all(
      messages.flatMap((message) => {
        const delayed = this.#delayed(message, nowMs)
        if (delayed.length === 0) {
          const { body, properties } = toWire(message)
          return [channel.publish(message.exchange, message.routingKey, body, properties)]
        }
        const { body, properties } = forDetour(message, { isDelayed: true })
        return delayed.map((queue) => {
          const { exchange, routingKey } = delayRoute(queue, (message.dueMs ?? 0) - nowMs)
          return channel.publish(exchange, routingKey, body, properties)
        })
      }),
    )
  }

  /** Declares what the messages need; most need nothing that is not there. */
  async #prepare(messages: readonly OutgoingMessage[], nowMs: number): Promise<void> {
    const needed = new Set<Promise<void>>()
    for (const message of messages) {
      const { exchange, routingKey } = message
      for (const queue of this.#delayed(message, nowMs)) needed.add(this.#topology.ensureDelays(queue))
      if (exchange === '' && routingKey === '')
        throw new MessageError('The message names neither an exchange nor a queue.', {
          code: 'LVG_MESSAGE_UNROUTABLE',
        })
      if (exchange !== '') needed.add(this.#topology.requireExchange(exchange))
      else needed.add(this.#topology.ensureQueue(routingKey))
    }
    await Promise.all(needed)
  }

  /**
   * The queues for which a message is to be delayed. Through an exchange whose queues this process does not know it goes at once, with its
   * ETA: whoever gets it puts it off.
   */
  #delayed({ dueMs = 0, exchange, routingKey }: OutgoingMessage, nowMs: number): readonly string[] {
    if (dueMs <= nowMs) return []
    if (exchange === '') return [routingKey]
    return [...this.#topology.bound(exchange)]
      .filter((queue) => isBound(queue, routingKey))
      .map(({ name }) => name)
  }

  #open(): Promise<AmqpChannel> {
    if (this.#connection.blocked !== undefined) return Promise.reject(blockedError(this.#connection))
    if (!this.#channel) {
      const opening = this.#connection.confirmChannel()
      this.#channel = opening
      const ended = (): void => {
        if (this.#channel === opening) this.#channel = undefined
      }
      opening.then((channel) => channel.onClosed(ended), ended)
    }
    return this.#channel
  }
}

/** What is said to whoever publishes while the server takes nothing. */
export function blockedError({ location, blocked }: AmqpConnection): ConnectionError {
  return new ConnectionError(`RabbitMQ takes no messages now (${location}): ${blocked}`, {
    code: 'LVG_RABBITMQ_REFUSED',
    hint: 'Give it memory or disk space; workers go on emptying the queues.',
  })
}

function isBound({ name, exchangeType = 'direct', routingKey = name }: Queue, key: string): boolean {
  if (exchangeType === 'fanout') return true
  return exchangeType === 'topic' ? matchesTopic(routingKey, key) : routingKey === key
}
