import type { ConsumeOptions } from '../../broker/index.js'

const MOST_KNOWN = 64

/** In which order a consumer looks into its queues: as listed, or, in turns, first into the one after that of its last message. */
export class QueueTurns<Queue> {
  readonly #inTurns: boolean
  #listed: readonly Queue[] = []
  /** The order after a message of each queue. Made once: what depends on an order is known by its array. */
  readonly #after = new Map<Queue, readonly Queue[]>()
  #now: readonly Queue[] = []

  constructor({ queueOrder = 'strict' }: Pick<ConsumeOptions, 'queueOrder'>) {
    this.#inTurns = queueOrder === 'round_robin'
  }

  get listed(): readonly Queue[] {
    return this.#listed
  }

  /** The order in which to look now. */
  get now(): readonly Queue[] {
    return this.#now
  }

  set(queues: readonly Queue[]): void {
    this.#listed = [...queues]
    this.#now = this.#listed
    this.#after.clear()
  }

  /** A message of this queue was taken. */
  took(queue: Queue): void {
    if (!this.#inTurns) return
    let order = this.#after.get(queue)
    if (!order) {
      // As many orders as queues, of which each names all: those of many queues are made anew.
      if (this.#after.size >= MOST_KNOWN) this.#after.clear()
      const next = this.#listed.indexOf(queue) + 1
      order = [...this.#listed.slice(next), ...this.#listed.slice(0, next)]
      this.#after.set(queue, order)
    }
    this.#now = order
  }
}
