import type { ConsumeOptions } from '../../../broker/index.js'
import { isLovageError } from '../../../kernel/index.js'
import { isConnectionLoss } from '../client/index.js'
import type { Source } from './source.js'
import type { Topology } from './topology.js'

/** The current demand. */
export interface Wanted {
  readonly source: Source
  /** The first queue is emptied before the second, unless they take turns: then all are consumed, and the server serves each in turn. */
  readonly queues: readonly string[]
  /** How many deliveries may be unsettled. */
  readonly limit: number
}

/** While all slots are taken, the server is asked this often whether an earlier queue has messages. */
const LOOK_MS = 100
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000

/**
 * Consumes from as many queues as there is room for. The server sends from all consumed queues in no order; so a later queue is
 * consumed only when earlier ones are empty and leave room, and no longer once one of them has more than fits. Two messages that
 * arrive at the same moment may overtake each other.
 */
export class OpenQueues {
  readonly #topology: Topology
  readonly #inTurns: boolean
  readonly #onRefused: (queue: string, error: unknown) => void
  /** Queues that cannot be consumed now, until when each is left alone, and how long that pause is. */
  readonly #refused = new Map<string, { readonly untilMs: number; readonly pauseMs: number }>()
  #lookedMs = 0

  /** `onRefused` is called once for a queue that cannot be consumed, until it can. */
  constructor(
    topology: Topology,
    order: ConsumeOptions['queueOrder'],
    onRefused: (queue: string, error: unknown) => void,
  ) {
    this.#topology = topology
    this.#inTurns = order === 'round_robin'
    this.#onRefused = onRefused
  }

  /**
   * Resolves to whether to look again soon: an earlier queue was not empty, but its messages may go to another consumer; or a queue cannot
   * be consumed now, which does not hold up the others.
   */
  async open({ source, queues: all, limit }: Wanted): Promise<boolean> {
    const nowMs = Date.now()
    const queues = all.filter((queue) => (this.#refused.get(queue)?.untilMs ?? 0) <= nowMs)
    const isIncomplete = queues.length < all.length
    const first = queues.findIndex((queue) => !source.isConsuming(queue))
    const open = first < 0 ? queues : queues.slice(0, first)
    await source.cancelAll((queue) => !open.includes(queue))
    // A limit of 0 means no limit in AMQP.
    if (limit <= 0) {
      if (source.isExact) await source.cancelAll()
      return isIncomplete
    }
    const mustLookAgain = await source.limit(limit)
    const hasRoom = (): boolean => source.unsettled < limit
    let count = open.length
    while (count < queues.length && (count === 0 || this.#inTurns || hasRoom())) {
      const last = queues[count - 1]
      if (last !== undefined && !this.#inTurns && (await this.#hasMore(last))) return true
      const next = queues[count++]
      if (next === undefined) break
      try {
        await this.#topology.ensureQueue(next)
        await source.consume(next)
        this.#refused.delete(next)
      } catch (error) {
        if (isConnectionLoss(error) || !isLovageError(error)) throw error
        this.#refuse(next, error)
        return true
      }
    }
    if (!this.#inTurns && !hasRoom() && count > 1) await this.#closeLater(source, queues.slice(0, count))
    return isIncomplete || mustLookAgain
  }

  /** A queue that the server refuses (a reserved name, a missing permission, another exclusive consumer) is retried, later each time. */
  #refuse(queue: string, error: unknown): void {
    const before = this.#refused.get(queue)
    const pauseMs = Math.min(before ? 2 * before.pauseMs : FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
    this.#refused.set(queue, { untilMs: Date.now() + pauseMs, pauseMs })
    if (!before) this.#onRefused(queue, error)
  }

  /** Stops consuming the queues behind one that has more than can be taken. */
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
