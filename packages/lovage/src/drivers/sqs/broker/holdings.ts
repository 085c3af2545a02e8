import { InFlight, newId } from '../../../kernel/index.js'
import type { ClaimedMessage } from '../../shared/index.js'
import { isSqsOutage, type SqsClient } from '../client/index.js'
import type { SqsQueue } from './sqs-queues.js'
import type { Received } from './wire.js'

/** A message that SQS keeps from others for us. */
export interface Holding extends ClaimedMessage, Received {
  readonly raw: string
  readonly source: SqsQueue
  readonly handle: string
  /** Until when, by our clock. */
  untilMs: number
}

/**
 * The messages that this consumer holds, and the heartbeats that keep others from receiving them: while one is held, its time of
 * invisibility is renewed, ten in a request. SQS ends it 12 hours after the message was received.
 */
export class Holdings {
  readonly #client: SqsClient
  readonly #leaseMs: number
  readonly #onError: (error: unknown) => void
  readonly #held = new Map<string, Holding>()
  readonly #beats = new InFlight()
  readonly #timer: NodeJS.Timeout
  readonly #prefix = newId()
  #number = 0

  constructor(client: SqsClient, leaseMs: number, onError: (error: unknown) => void) {
    this.#client = client
    this.#leaseMs = leaseMs
    this.#onError = onError
    this.#timer = setInterval(() => void this.#beats.add(this.#beat()), leaseMs / 4)
    this.#timer.unref()
  }

  /** The lease as SQS counts it. */
  get visibilityS(): number {
    return Math.min(43_200, Math.ceil(this.#leaseMs / 1000))
  }

  get keys(): readonly string[] {
    return [...this.#held.keys()]
  }

  /** `sinceMs`: when the request was sent by which it was received. */
  add(source: SqsQueue, handle: string, received: Received, sinceMs: number): Holding {
    const key = `${this.#prefix}.${++this.#number}`
    const untilMs = sinceMs + 1000 * this.visibilityS
    const holding: Holding = { ...received, key, queue: source.name, source, handle, untilMs }
    this.#held.set(key, holding)
    return holding
  }

  get(key: string): Holding | undefined {
    return this.#held.get(key)
  }

  /** It is ours no longer, or settled: it is not renewed. */
  drop(holdings: readonly Holding[]): void {
    for (const { key } of holdings) this.#held.delete(key)
  }

  all(): readonly Holding[] {
    return [...this.#held.values()]
  }

  /** Those that SQS still keeps for us: a lease that has run out is asked for again. */
  async stillOurs(holdings: readonly Holding[]): Promise<readonly Holding[]> {
    const nowMs = Date.now()
    const late = holdings.filter(({ untilMs }) => untilMs <= nowMs)
    if (late.length > 0) await this.#renew(late)
    return holdings.filter(({ key }) => this.#held.has(key))
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#beats.ended()
    this.#held.clear()
  }

  async #beat(): Promise<void> {
    const soonMs = Date.now() + this.#leaseMs / 2
    try {
      await this.#renew(this.all().filter(({ untilMs }) => untilMs < soonMs))
    } catch (error) {
      // The next beat tries again; claims report the outage.
      if (!isSqsOutage(error)) this.#onError(error)
    }
  }

  async #renew(holdings: readonly Holding[]): Promise<void> {
    await Promise.all(
      perQueue(holdings).map(async ([url, some]) => {
        const sentMs = Date.now()
        const failures = await this.#client.hide(
          url,
          some.map(({ handle }) => handle),
          this.visibilityS,
        )
        const failed = new Map(failures.map((failure) => [failure.index, failure]))
        for (const [index, holding] of some.entries()) {
          const failure = failed.get(index)
          if (!failure) holding.untilMs = sentMs + 1000 * this.visibilityS
          // Received by another, or removed: comparing with what is left here reports it.
          else if (failure.isOurs) this.#held.delete(holding.key)
        }
      }),
    )
  }
}

/** Holdings by the URL of their queue. */
export function perQueue(holdings: readonly Holding[]): readonly (readonly [url: string, Holding[]])[] {
  const byUrl = new Map<string, Holding[]>()
  for (const holding of holdings) {
    const list = byUrl.get(holding.source.url)
    if (list) list.push(holding)
    else byUrl.set(holding.source.url, [holding])
  }
  return [...byUrl]
}
