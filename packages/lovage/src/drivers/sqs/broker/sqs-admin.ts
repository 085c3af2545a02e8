import type { Binding, DepthOptions, QueueAdmin, QueueDepth, QueuedMessage } from '../../../broker/index.js'
import type { Page } from '../../../kernel/index.js'
import type { IncomingMessage } from '../../../message/index.js'
import type { SqsClient } from '../client/index.js'
import type { Companion } from './companion.js'
import type { SqsPublisher } from './sqs-publisher.js'
import { isMissing, type SqsQueue, type SqsQueues } from './sqs-queues.js'
import { encoded, REDELIVERIES, type Received, receivedOf } from './wire.js'

/** Requests under way at once. */
const AT_ONCE = 16
/** How long what is being moved or removed is invisible to workers. */
const HIDDEN_S = 60
/** A short look may miss messages, which SQS spreads over its servers; one that waits asks them all. */
const LAST_LOOK_S = 1

/** A message taken out of its queue by an operator. */
interface Taken extends Received {
  readonly handle: string
}

/** Operators' views of queues and actions on them. SQS shows no single messages: `capabilities.browsing` is false. */
export class SqsAdmin implements QueueAdmin {
  readonly #client: SqsClient
  readonly #queues: SqsQueues
  readonly #publisher: SqsPublisher
  readonly #companion: Companion

  constructor(client: SqsClient, queues: SqsQueues, publisher: SqsPublisher, companion: Companion) {
    this.#client = client
    this.#queues = queues
    this.#publisher = publisher
    this.#companion = companion
  }

  queues(): Promise<readonly string[]> {
    return this.#queues.names()
  }

  async existing(names: readonly string[]): Promise<readonly string[]> {
    const found = await each(names, (name) => this.#queues.existing(name))
    return found.flatMap((queue) => (queue ? [queue.name] : []))
  }

  async bindings(): Promise<readonly Binding[]> {
    return this.#queues.bindings
  }

  /** SQS's own counts are approximate, and behind by up to a minute. */
  async depths(
    names: readonly string[],
    { dueByMs }: DepthOptions = {},
  ): Promise<ReadonlyMap<string, QueueDepth>> {
    const [later, counts] = await Promise.all([
      this.#companion.waiting(names, dueByMs),
      each(names, (name) => this.#count(name)),
    ])
    return new Map(
      names.map((name, index) => {
        const { ready = 0, delayed = 0, unacked = 0 } = counts[index] ?? {}
        const { delayed: kept = 0, due } = later.get(name) ?? {}
        return [name, { ready, delayed: delayed + kept, unacked, ...(due === undefined ? {} : { due }) }]
      }),
    )
  }

  async browse(): Promise<Page<QueuedMessage>> {
    return { items: [] }
  }

  async find(): Promise<readonly QueuedMessage[]> {
    return []
  }

  async remove(): Promise<number> {
    return 0
  }

  async promote(): Promise<number> {
    return 0
  }

  async move(from: string, to: string): Promise<number> {
    const { isBase64 } = this.#client.options
    return this.#takeAll(from, (taken) =>
      this.#publisher.send(
        to,
        taken.map(({ raw, redeliveries }) => ({ body: encoded(raw, isBase64), redeliveries })),
      ),
    )
  }

  /**
   * Receives and removes, because SQS's own purge would also remove what workers hold. What SQS delays, up to 15 minutes, cannot be
   * received, and stays.
   */
  async purge(name: string, see?: (message: IncomingMessage) => void): Promise<number> {
    const later = await this.#companion.purge(name)
    const removed = await this.#takeAll(name, async (taken) => {
      for (const { message } of taken) if (see && 'headers' in message) see(message)
    })
    return later + removed
  }

  async #count(name: string): Promise<{ ready: number; delayed: number; unacked: number } | undefined> {
    const queue = await this.#queues.existing(name)
    if (!queue) return undefined
    try {
      return await this.#client.counts(queue.url)
    } catch (error) {
      if (!isMissing(error)) throw error
      this.#queues.forget(name)
      return undefined
    }
  }

  async #takeAll(name: string, work: (taken: readonly Taken[]) => Promise<void>): Promise<number> {
    const queue = await this.#queues.existing(name)
    if (!queue) return 0
    let count = 0
    for (let waitS = 0; ; ) {
      const taken = await this.#take(queue, waitS)
      if (taken.length === 0) {
        if (waitS > 0) return count
        waitS = LAST_LOOK_S
        continue
      }
      waitS = 0
      await work(taken)
      await this.#client.delete(
        queue.url,
        taken.map(({ handle }) => handle),
      )
      count += taken.length
    }
  }

  async #take({ url }: SqsQueue, waitS: number): Promise<readonly Taken[]> {
    const asked = { url, most: 10, visibilityS: HIDDEN_S, waitS, attributes: [REDELIVERIES] }
    const messages = await this.#client.receive(asked)
    return messages.flatMap((message) => {
      const { ReceiptHandle: handle } = message
      if (handle === undefined) return []
      const received = receivedOf(message)
      // This receipt was no loss.
      const isFirst = message.Attributes?.ApproximateReceiveCount === '1'
      return [
        { ...received, handle, redeliveries: isFirst ? received.redeliveries : received.redeliveries - 1 },
      ]
    })
  }
}

async function each<In, Out>(
  items: readonly In[],
  work: (item: In) => Promise<Out>,
): Promise<readonly Out[]> {
  const results: Out[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index]
      if (item !== undefined) results[index] = await work(item)
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, lane))
  return results
}
