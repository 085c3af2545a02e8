import type { Source } from './source.js'
import type { Topology } from './topology.js'

/** What is to be consumed. */
export interface Wanted {
  readonly source: Source
  /** The first is to be emptied before the second. */
  readonly queues: readonly string[]
  /** How many deliveries may be unsettled. */
  readonly limit: number
}

/** While all is taken, the server is asked this often whether an earlier queue has more. */
const LOOK_MS = 100

/**
 * Consumes from as many queues as there is room for. The server sends from every queue that is consumed, in no order; so a later queue is
 * consumed only when earlier ones are empty and leave room, and no more once one of them has more than there is room for. Two messages that
 * come in the same moment may pass each other.
 */
export class OpenQueues {
  readonly #topology: Topology
  #lookedMs = 0

  constructor(topology: Topology) {
    this.#topology = topology
  }

  /** Resolves to whether to look again soon: an earlier queue was not empty, but what it had may come to somebody else. */
  async open({ source, queues, limit }: Wanted): Promise<boolean> {
    const first = queues.findIndex((queue) => !source.isConsuming(queue))
    const open = first < 0 ? queues : queues.slice(0, first)
    await source.cancelAll((queue) => !open.includes(queue))
    // A limit of 0 means none at all there.
    if (limit <= 0) {
      if (source.isExact) await source.cancelAll()
      return false
    }
    await source.limit(limit)
    const hasRoom = (): boolean => source.unsettled < limit
    let count = open.length
    while (count < queues.length && (count === 0 || hasRoom())) {
      const last = queues[count - 1]
      if (last !== undefined && (await this.#hasMore(last))) return true
      const next = queues[count++]
      if (next === undefined) break
      await this.#topology.ensureQueue(next)
      await source.consume(next)
    }
    if (!hasRoom() && count > 1) await this.#closeLater(source, queues.slice(0, count))
    return false
  }

  /** Leaves the queues behind one that has more than can be taken. */
  async #closeLater(source: Source, open: readonly string[]): Promise<void> {
    const nowMs = Date.now()
    if (nowMs - this.#lookedMs < LOOK_MS) return
    this.#lookedMs = nowMs
    for (const [index, queue] of open.slice(0, -1).entries()) {
      if (!(await this.#hasMore(queue))) continue
      const kept = open.slice(0, index + 1)
      return source.cancelAll((one) => !kept.includes(one))
    }
  }

  async #hasMore(queue: string): Promise<boolean> {
    return ((await this.#topology.waiting(queue)) ?? 0) > 0
  }
}
