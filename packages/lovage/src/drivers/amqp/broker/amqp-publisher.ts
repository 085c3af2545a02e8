import type { Queue } from '../../../broker/index.js'
import { ConnectionError, delay, MessageError, stayAlive, systemClock } from '../../../kernel/index.js'
import type { OutgoingMessage } from '../../../message/index.js'
import { matchesTopic } from '../../shared/index.js'
import {
  type AmqpConnection,
  type AmqpPublication,
  type PublishingChannel,
  refusalOf,
} from '../client/index.js'
import { type DelayOptions, delayRoute } from './delays.js'
import type { Topology } from './topology.js'
import { type Failure, failureOf } from './untaken.js'
import { forDetour, toWire, type WireMessage } from './wire-message.js'

/** A publication and what must exist for it. */
interface Posting {
  readonly publication: AmqpPublication
  /** The task's id, for error reports. */
  readonly id: string | undefined
  /** The queue that it reaches through the delays. */
  readonly delayedFor?: string
  /** It goes to one of the driver's own queues. */
  readonly isOwn?: true
}

/**
 * Publishes with confirms: resolves when the server has the messages in its queues and, if persistent, on its disk. All that is
 * published in one turn of the event loop is written together, and any number may be unconfirmed.
 *
 * Promise 1: an undeliverable message is never accepted silently. The queue it names is declared first, the exchange checked; a message
 * that is returned anyway, because one of them was deleted, is declared and published once more, or refused (`LVG_MESSAGE_UNROUTABLE`).
 * Promise 2: nothing is published twice silently. Where the connection ends before the server has answered, the call rejects
 * (`LVG_PUBLISH_UNCERTAIN`) with the ids of the affected messages.
 */
export class AmqpPublisher {
  readonly #connection: AmqpConnection
  readonly #topology: Topology
  readonly #delays: DelayOptions
  #channel: Promise<PublishingChannel> | undefined
  /** The channel that it resolved to, and when. */
  #standing: { readonly channel: PublishingChannel; readonly sinceMs: number } | undefined

  constructor(connection: AmqpConnection, topology: Topology, delays: DelayOptions) {
    this.#connection = connection
    this.#topology = topology
    this.#delays = delays
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    const nowMs = Date.now()
    const postings: Posting[] = []
    for (const message of messages) {
      const { id } = message.headers
      const named = typeof id === 'string' ? id : undefined
      const delayed = this.#delayed(message, nowMs)
      for (const queue of delayed)
        postings.push(
          this.#later(queue, (message.dueMs ?? 0) - nowMs, forDetour(message, { delayedFor: queue }), named),
        )
      if (delayed.length > 0) continue
      const { exchange, routingKey } = message
      postings.push({ publication: { exchange, routingKey, mandatory: true, ...toWire(message) }, id: named })
    }
    await this.#send(postings)
  }

  /** Publishes to one queue by its name. */
  async toQueue(queue: string, wire: WireMessage): Promise<void> {
    const publication = { exchange: '', routingKey: queue, mandatory: true, ...wire }
    await this.#send([{ publication, id: wire.properties.correlationId }])
  }

  /** Publishes to one of the driver's own queues, whose name no task queue may have. */
  async toOwnQueue(queue: string, wire: WireMessage): Promise<void> {
    const publication = { exchange: '', routingKey: queue, mandatory: true, ...wire }
    await this.#send([{ publication, id: undefined, isOwn: true }])
  }

  /** Publishes to one queue after a delay; see `delayRoute`. */
  async toQueueLater(queue: string, delayMs: number, wire: WireMessage): Promise<void> {
    await this.#send([this.#later(queue, delayMs, wire, wire.properties.correlationId)])
  }

  #later(queue: string, delayMs: number, wire: WireMessage, id: string | undefined): Posting {
    const route = delayRoute(queue, delayMs, this.#delays.prefix)
    return { publication: { ...route, mandatory: true, ...wire }, id, delayedFor: queue }
  }

  async #send(postings: readonly Posting[]): Promise<void> {
    const failures: Failure[] = []
    let hasForgotten = false
    for (let left = postings, round = 0; left.length > 0; round++) {
      const ready = this.#prepare(left)
      if (ready) await ready
      const channel = await this.#open()
      const again: Posting[] = []
      let isGoneNow = false
      let isRefused = false
      let pauseMs = 0
      for (const untaken of await channel.publish(left.map(({ publication }) => publication))) {
        const posting = left[untaken.index]
        if (!posting) continue
        const { why, error } = untaken
        const isGone = why === 'unroutable' || (why === 'refused' && refusalOf(error) === 404)
        // One queue refused it: its leader is moving, or it is full. With several queues, another may have taken it.
        const isRefusedForNow = why === 'refused' && !error && posting.publication.exchange === ''
        isRefused ||= why === 'refused' && !error
        const nextMs = REFUSED_PAUSES_MS[round]
        if (why === 'unsent' || (isGone && !hasForgotten)) again.push(posting)
        else if (isRefusedForNow && nextMs !== undefined) {
          again.push(posting)
          pauseMs = nextMs
        } else failures.push({ ...posting, ...untaken })
        isGoneNow ||= isGone
      }
      // A queue or an exchange was deleted by someone else: all that we know must be checked again.
      if (isGoneNow && !hasForgotten) this.#topology.forget()
      hasForgotten ||= isGoneNow
      if (isRefused) this.#replace(channel)
      left = again
      if (pauseMs > 0) await stayAlive(delay(systemClock, pauseMs))
    }
    if (failures.length > 0) throw failureOf(failures, this.#connection.location)
  }

  /** Declares what the messages need; a no-op when it exists. */
  #prepare(postings: readonly Posting[]): Promise<unknown> | undefined {
    const needed = new Set<Promise<void>>()
    let last: Posting | undefined
    for (const posting of postings) {
      const { publication, delayedFor } = posting
      const { exchange, routingKey } = publication
      const isSame =
        last?.publication.routingKey === routingKey &&
        last.publication.exchange === exchange &&
        last.delayedFor === delayedFor
      last = posting
      if (isSame) continue
      if (exchange === '' && routingKey === '')
        throw new MessageError('The message names neither an exchange nor a queue.', {
          code: 'LVG_MESSAGE_UNROUTABLE',
        })
      const step = posting.isOwn
        ? this.#topology.ensureOwnQueue(routingKey)
        : delayedFor !== undefined
          ? this.#topology.ensureDelays(delayedFor)
          : exchange !== ''
            ? this.#topology.requireExchange(exchange)
            : this.#topology.ensureQueue(routingKey)
      needed.add(step)
    }
    return Promise.all(needed)
  }

  /**
   * The queues for which a message is to be delayed. Through an exchange whose queues this process does not know, it is sent at once with
   * its ETA: the worker that receives it delays it.
   */
  #delayed({ dueMs = 0, exchange, routingKey }: OutgoingMessage, nowMs: number): readonly string[] {
    if (dueMs <= nowMs) return NONE
    if (exchange === '') return [routingKey]
    return [...this.#topology.bound(exchange)]
      .filter((queue) => isBound(queue, routingKey))
      .map(({ name }) => name)
  }

  /**
   * Refused messages are offered again on another channel. RabbitMQ 3.10 keeps refusing on a channel whose first message for a quorum queue
   * arrived after the leader's node died and before another leader was elected, as happens to a producer whose own node died.
   */
  #replace(channel: PublishingChannel): void {
    const standing = this.#standing
    if (standing?.channel !== channel || performance.now() - standing.sinceMs < YOUNG_MS) return
    this.#channel = undefined
    this.#standing = undefined
    channel.retire()
  }

  #open(): Promise<PublishingChannel> {
    if (this.#connection.blocked !== undefined) return Promise.reject(blockedError(this.#connection))
    if (!this.#channel) {
      const opening = this.#connection.publishingChannel()
      this.#channel = opening
      const ended = (): void => {
        if (this.#channel === opening) this.#channel = undefined
      }
      opening.then((channel) => {
        if (this.#channel === opening) this.#standing = { channel, sinceMs: performance.now() }
        channel.onClosed(ended)
      }, ended)
    }
    return this.#channel
  }
}

/** A younger channel is kept: a full queue refuses on each one, and opening channels costs the server. */
const YOUNG_MS = 200
/** Pauses before a message that a queue refused is offered to it again. */
const REFUSED_PAUSES_MS = [50, 200, 800, 2_000]
const NONE: readonly string[] = []

/** The error for publishers while the server accepts nothing. */
export function blockedError({ location, blocked }: AmqpConnection): ConnectionError {
  return new ConnectionError(`RabbitMQ is not accepting messages (${location}): ${blocked}`, {
    code: 'LVG_RABBITMQ_REFUSED',
    hint: 'Free memory or disk space; workers keep draining the queues.',
  })
}

function isBound({ name, exchangeType = 'direct', routingKey = name }: Queue, key: string): boolean {
  if (exchangeType === 'fanout') return true
  return exchangeType === 'topic' ? matchesTopic(routingKey, key) : routingKey === key
}
