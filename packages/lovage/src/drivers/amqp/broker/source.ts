import type { ConnectionError } from '../../../kernel/index.js'
import type { AmqpChannel, AmqpDelivery } from '../client/index.js'

/** How long a limit stays, where changing it is expensive. */
const PATIENCE_MS = 5_000
/** How long more must be wanted before a consumer restarts for it. */
const RAISE_MS = 100

/** The events of a source. */
export interface SourceListener {
  /** A message that is now ours to settle. */
  onDelivery(source: Source, queue: string, delivery: AmqpDelivery): void
  /** The server ended a consumer: its queue was deleted, or moved. */
  onCancelled(source: Source, queue: string): void
  /** The channel has ended, and with it every claim. */
  onClosed(source: Source, error: ConnectionError): void
}

/**
 * What a limit of unsettled deliveries applies to. `channel`: to all consumers together; for every message the server asks one more of its
 * processes, which takes a sixth of its time. `single`: to the only consumer, which restarts for another limit. `each`: to each consumer
 * separately, because the server supports nothing else, or because restarting one is expensive.
 */
export type LimitKind = 'channel' | 'single' | 'each'

/**
 * A channel from which messages are consumed and settled. Deliveries are numbered from 1 without gaps; acknowledgements of one turn of the
 * event loop are sent together, in as few frames as the order of the numbers allows.
 */
export class Source {
  readonly #channel: AmqpChannel
  readonly #listener: SourceListener
  readonly #kind: LimitKind
  /** Consumer tags by queue. */
  readonly #consumers = new Map<string, string>()
  /** When each delivery from `#first` on arrived; 0 = settled. */
  #since: number[] = []
  #first = 1
  #unsettled = 0
  #limit = 0
  #limitedMs = 0
  /** Since when more than the limit has been wanted, and how much at least. */
  #raisedMs = 0
  #least = 0
  #acks: number[] = []

  constructor(channel: AmqpChannel, kind: LimitKind, listener: SourceListener) {
    this.#channel = channel
    this.#kind = kind
    this.#listener = listener
    channel.onClosed((error) => listener.onClosed(this, error))
  }

  /** Unsettled deliveries. */
  get unsettled(): number {
    return this.#unsettled
  }

  get isOpen(): boolean {
    return this.#channel.isOpen
  }

  /** Unix ms at which the oldest unsettled delivery arrived. */
  get oldestMs(): number | undefined {
    return this.#since.find((ms) => ms > 0)
  }

  get kind(): LimitKind {
    return this.#kind
  }

  isConsuming(queue: string): boolean {
    return this.#consumers.has(queue)
  }

  /** Whether the limit is kept. Where it is not, surplus messages wait here for a slot. */
  get isExact(): boolean {
    return this.#kind !== 'each'
  }

  /** How many deliveries may be unsettled; at least 1. Resolves to whether to look again: more may be wanted for a moment only. */
  async limit(wanted: number): Promise<boolean> {
    const count = this.#kind === 'single' && this.#consumers.size > 0 ? this.#lasting(wanted) : wanted
    if (count !== this.#limit && this.#mustFollow(count)) await this.#setLimit(count)
    return this.#kind === 'single' && wanted !== this.#limit
  }

  async #setLimit(count: number): Promise<void> {
    this.#limitedMs = Date.now()
    const queues = [...this.#consumers.keys()]
    if (this.#kind === 'channel') await this.#channel.prefetch(count, true)
    else {
      // A limit applies to consumers that start after it was set.
      for (const queue of queues) await this.cancel(queue)
      await this.#channel.prefetch(count, false)
    }
    this.#limit = count
    if (this.#kind !== 'channel') for (const queue of queues) await this.consume(queue)
  }

  /** A lower limit at once, a higher one only when it lasts: tasks that have ended and are not settled yet count twice. */
  #lasting(wanted: number): number {
    const nowMs = Date.now()
    if (wanted <= this.#limit || this.#least <= this.#limit) {
      this.#raisedMs = nowMs
      this.#least = wanted
      return Math.min(wanted, this.#limit)
    }
    this.#least = Math.min(this.#least, wanted)
    return nowMs - this.#raisedMs < RAISE_MS ? this.#limit : this.#least
  }

  /**
   * Consumers that must restart for a new limit do so for a higher one, and only after a while for a much lower one: on a quorum queue each
   * restart costs a vote.
   */
  #mustFollow(count: number): boolean {
    if (this.isExact || this.#consumers.size === 0 || count > this.#limit) return true
    return count * 2 < this.#limit && Date.now() - this.#limitedMs > PATIENCE_MS
  }

  async consume(queue: string): Promise<void> {
    if (this.#consumers.has(queue)) return
    const name = await this.#channel.consume(queue, {
      onDelivery: (delivery) => {
        this.#since.push(Date.now())
        this.#unsettled++
        this.#listener.onDelivery(this, queue, delivery)
      },
      onCancelled: () => {
        this.#consumers.delete(queue)
        this.#listener.onCancelled(this, queue)
      },
    })
    this.#consumers.set(queue, name)
  }

  async cancel(queue: string): Promise<void> {
    const name = this.#consumers.get(queue)
    if (name === undefined) return
    this.#consumers.delete(queue)
    await this.#channel.cancel(name)
  }

  async cancelAll(which: (queue: string) => boolean = () => true): Promise<void> {
    for (const queue of [...this.#consumers.keys()]) if (which(queue)) await this.cancel(queue)
  }

  /** Acknowledges a delivery; no answer comes, and a connection lost right after brings it back. */
  ack(tag: number): void {
    if (this.#acks.length === 0) queueMicrotask(() => this.#flush())
    this.#acks.push(tag)
    this.#settled(tag)
  }

  /** Returns it to the head of its queue, marked as redelivered. */
  giveBack(tag: number): void {
    this.#flush()
    this.#settled(tag)
    this.#channel.reject(tag, true)
  }

  /** Rejects it to the dead-letter exchange that the queue was declared with. */
  drop(tag: number): void {
    this.#flush()
    this.#settled(tag)
    this.#channel.reject(tag, false)
  }

  /** Ends the channel: unsettled messages go back to their queue. */
  async close(): Promise<void> {
    this.#flush()
    await this.#channel.close()
  }

  #settled(tag: number): void {
    const at = tag - this.#first
    if (this.#since[at]) this.#unsettled--
    this.#since[at] = 0
  }

  #flush(): void {
    const tags = this.#acks
    if (tags.length === 0) return
    this.#acks = []
    let done = 0
    while (done < this.#since.length && this.#since[done] === 0) done++
    if (done > 0) {
      this.#since = this.#since.slice(done)
      this.#first += done
    }
    if (!this.#channel.isOpen) return
    // Everything below is settled, most of it now: one frame for all.
    const below = tags.filter((tag) => tag < this.#first)
    if (below.length > 0) this.#channel.ack(Math.max(...below), below.length > 1)
    for (const tag of tags) if (tag >= this.#first) this.#channel.ack(tag)
  }
}
