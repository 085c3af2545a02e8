import { ConnectionError, isLovageError } from '../../../kernel/index.js'
import type { OutgoingMessage } from '../../../message/index.js'
import type { PlacePerQueue } from './place-per-queue.js'
import { type Publication, publicationFor, publicationsOf } from './publication.js'
import { QueueNames } from './queue-names.js'
import { QUIET_SWEEP_MS } from './queue-share.js'
import { RedisPublisher } from './redis-publisher.js'
import type { RedisRouting } from './redis-routing.js'

/** Publishes to the slots of many queues at once: what goes to one node leaves together, and the nodes work side by side. */
export class ClusterPublisher {
  readonly #places: PlacePerQueue
  readonly #routing: RedisRouting
  readonly #names: QueueNames
  readonly #publishers = new Map<string, RedisPublisher>()
  /** Accepted in a call that failed elsewhere: its repetition passes them over. */
  readonly #accepted = new WeakSet<OutgoingMessage>()

  constructor(places: PlacePerQueue, routing: RedisRouting) {
    this.#places = places
    this.#routing = routing
    this.#names = new QueueNames(places.shared.connection, places.shared.keys.queues)
  }

  /**
   * Resolves when the servers have all of them.
   * @throws {ConnectionError} with the `ids` of those that were not accepted, when a part of them was.
   */
  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    const open = messages.filter((message) => !this.#accepted.has(message))
    if (open.length === 0) return
    if (this.#places.nodes.isClosed)
      throw new ConnectionError(`The connection to ${this.#places.nodes.target.location} was closed`, {
        code: 'LVG_CONNECTION_CLOSED',
      })
    const { keys } = this.#places.shared
    const publications = open.every(({ exchange }) => exchange === '')
      ? open.map((message) => publicationFor(message, message.routingKey, keys))
      : await publicationsOf(open, this.#routing, keys)
    const [first] = publications
    if (first && publications.every(({ queue }) => queue === first.queue))
      return this.#publisherOf(first.queue).send(publications)
    await this.#sendAll(publications)
  }

  async #sendAll(publications: readonly Publication[]): Promise<void> {
    const byQueue = new Map<string, Publication[]>()
    for (const one of publications) {
      const some = byQueue.get(one.queue)
      if (some) some.push(one)
      else byQueue.set(one.queue, [one])
    }
    const parts = [...byQueue]
    const outcomes = await this.#places.together(() =>
      Promise.allSettled(parts.map(([queue, part]) => this.#publisherOf(queue).send(part))),
    )
    const lost = new Map<OutgoingMessage, unknown>()
    for (const [at, [, part]] of parts.entries()) {
      const outcome = outcomes[at]
      if (outcome?.status === 'rejected') for (const { message } of part) lost.set(message, outcome.reason)
    }
    if (lost.size === 0) return
    for (const { message } of publications) if (!lost.has(message)) this.#accepted.add(message)
    throw partly([...lost.keys()], [...lost.values()])
  }

  #publisherOf(queue: string): RedisPublisher {
    let publisher = this.#publishers.get(queue)
    if (!publisher) {
      const { connection, keys } = this.#places.of(queue)
      publisher = new RedisPublisher(connection, keys, this.#routing, this.#names, QUIET_SWEEP_MS)
      this.#publishers.set(queue, publisher)
    }
    return publisher
  }
}

/** The first error, about the messages that it concerns. */
function partly(lost: readonly OutgoingMessage[], errors: readonly unknown[]): unknown {
  const uncertain = errors.find((error) => isLovageError(error) && error.code === 'LVG_PUBLISH_UNCERTAIN')
  const error = uncertain ?? errors[0]
  if (!isLovageError(error)) return error
  return new ConnectionError(error.message, {
    code: error.code,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    details: { ...error.details, ids: lost.map(({ headers }) => headers.id) },
    cause: error.cause,
  })
}
