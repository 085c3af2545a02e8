import type { ConsumeOptions } from '../../../broker/index.js'
import type { Unsubscribe } from '../../../kernel/index.js'
import type {
  ClaimPort,
  ClaimReply,
  ClaimRequest,
  ConsumerState,
  HeldList,
  OpenSettlement,
  Settled,
} from '../../shared/index.js'
import { isSqsOutage, type SqsClient } from '../client/index.js'
import type { Companion } from './companion.js'
import { type Holding, Holdings, perQueue } from './holdings.js'
import { LongPolls } from './long-polls.js'
import type { SqsPublisher } from './sqs-publisher.js'
import type { SqsQueues } from './sqs-queues.js'
import { SqsSettler } from './sqs-settler.js'
import { REDELIVERIES, receivedOf } from './wire.js'

const BATCH = 10
/** Looks at a queue under way at once. */
const AT_ONCE = 10
const SWEEP_MS = 10_000

/** State that a consumer shares with its broker. */
export interface SqsClaimParts {
  readonly client: SqsClient
  readonly queues: SqsQueues
  readonly publisher: SqsPublisher
  readonly companion: Companion
}

/** A consumer's claims in SQS: received messages, invisible to others for the lease, which heartbeats renew. */
export class SqsClaimPort implements ClaimPort {
  readonly settlesResults = false
  readonly mostClaimed = BATCH * AT_ONCE
  readonly isPipelined = true
  readonly asksLate = false
  readonly watchesConnection = false
  readonly isReady = true
  readonly sweepMs = SWEEP_MS
  readonly wait: LongPolls
  readonly #parts: SqsClaimParts
  readonly #options: ConsumeOptions
  readonly #holdings: Holdings
  readonly #settler: SqsSettler
  #state: ConsumerState = 'consuming'

  constructor(options: ConsumeOptions, parts: SqsClaimParts) {
    const { client } = parts
    this.#parts = parts
    this.#options = options
    this.#holdings = new Holdings(client, options.leaseMs, options.onError)
    this.#settler = new SqsSettler({
      ...parts,
      holdings: this.#holdings,
      logger: options.logger,
      stateOf: () => this.#state,
    })
    this.wait = new LongPolls({
      receive: (queue, most, waitS, signal) => this.#receive(queue, most, waitS, signal),
      giveBack: (holdings) => this.#giveBack(holdings),
      free: options.free,
      waitS: client.options.waitS,
    })
  }

  turn(send: () => void): void {
    // By then, all settlements of this turn have freed their slots.
    setImmediate(send)
  }

  async claim(ask: () => ClaimRequest): Promise<ClaimReply> {
    const { queues, want, isProbe } = ask()
    if (want === 0) return { messages: [] }
    const messages = [...this.wait.take(want)]
    // A full answer means that more wait; an idle consumer hears of arrivals from the requests that wait.
    const isRich = messages.length >= BATCH
    if ((messages.length > 0 && !isRich) || (isProbe && this.wait.isWaiting)) return { messages }
    for (const queue of queues) {
      while (messages.length < want) {
        const found = await this.#look(queue, want - messages.length, messages)
        if (!found) break
      }
      if (messages.length >= want) break
    }
    return { messages }
  }

  settle(settlements: readonly OpenSettlement[]): Promise<readonly Settled[]> {
    return this.#settler.settle(settlements)
  }

  async held(): Promise<HeldList> {
    return { keys: this.#holdings.keys }
  }

  /** Everything that is held was handed over, or waits for it here. */
  async giveBack(): Promise<void> {}

  /** SQS knows no holders: what a dead one held is visible again when its lease ends. */
  async releaseDead(): Promise<void> {}

  listen(): readonly Unsubscribe[] {
    return []
  }

  async drain(): Promise<void> {
    this.#state = 'paused'
    await this.wait.end()
    await this.#settler.idle()
  }

  async leave(): Promise<void> {
    this.#state = 'closed'
    const left = this.#holdings.all()
    await this.#holdings.close()
    for (const [url, some] of perQueue(left))
      await this.#parts.client.hide(
        url,
        some.map(({ handle }) => handle),
        0,
      )
  }

  isOutage(error: unknown): boolean {
    return isSqsOutage(error)
  }

  /** Asks a queue for this many, in requests of ten together; whether all of them came back full. */
  async #look(queue: string, want: number, into: Holding[]): Promise<boolean> {
    const requests = Array.from({ length: Math.min(AT_ONCE, Math.ceil(want / BATCH)) }, (_, index) =>
      this.#receive(queue, Math.min(BATCH, want - index * BATCH), 0),
    )
    const answers = await Promise.allSettled(requests)
    let isFull = true
    let failure: PromiseRejectedResult | undefined
    for (const answer of answers) {
      if (answer.status === 'fulfilled') into.push(...answer.value)
      else failure ??= answer
      isFull &&= answer.status === 'fulfilled' && answer.value.length === BATCH
    }
    // What did come is held, and delivered.
    if (failure && into.length === 0) throw failure.reason
    return isFull
  }

  async #receive(
    queue: string,
    most: number,
    waitS: number,
    signal?: AbortSignal,
  ): Promise<readonly Holding[]> {
    const source = await this.#parts.queues.get(queue)
    const sentMs = Date.now()
    const messages = await this.#parts.client.receive({
      url: source.url,
      most,
      waitS,
      visibilityS: this.#holdings.visibilityS,
      attributes: [REDELIVERIES],
      ...(signal ? { signal } : {}),
    })
    // The lease begins with the answer, at most as long ago as this request can have taken without waiting.
    const sinceMs = waitS === 0 ? sentMs : Math.max(sentMs, Date.now() - 1000)
    return messages.flatMap((message) =>
      message.ReceiptHandle === undefined
        ? []
        : [this.#holdings.add(source, message.ReceiptHandle, receivedOf(message), sinceMs)],
    )
  }

  #giveBack(holdings: readonly Holding[]): void {
    this.#settler.giveBack(holdings).catch((error: unknown) => {
      this.#holdings.drop(holdings)
      this.#options.logger.debug({ err: error }, 'messages go back to their queues when their leases end')
    })
  }
}
