import { InFlight } from '../../../kernel/index.js'
import type { WaitHooks } from '../../shared/index.js'
import type { Holding } from './holdings.js'

/** With fewer free slots than queues, the queues are asked in turn, for this long each. */
const SHORT_WAIT_S = 1
const BATCH = 10

/** What waiting for messages needs. */
export interface LongPollParts {
  readonly receive: (
    queue: string,
    most: number,
    waitS: number,
    signal: AbortSignal,
  ) => Promise<readonly Holding[]>
  /** Takes back what came for a queue that is no longer consumed. */
  readonly giveBack: (holdings: readonly Holding[]) => void
  readonly free: () => number
  readonly waitS: number
}

/**
 * Waits for messages while there is room: with a request at each queue that ends when one arrives, or, with fewer slots than queues, at one
 * queue after the other. What arrives is taken by the next claim.
 */
export class LongPolls {
  readonly #parts: LongPollParts
  readonly #underWay = new InFlight()
  readonly #polls = new Map<string, AbortController>()
  #queues: readonly string[] = []
  #arrived: Holding[] = []
  #isArmed = false
  #isTurning = false
  #wake: (queue: string) => void = () => {}

  constructor(parts: LongPollParts) {
    this.#parts = parts
  }

  /** Whether something waits at the queues, so that an arrival needs no look. */
  get isWaiting(): boolean {
    return this.#polls.size > 0 || this.#isTurning
  }

  setQueues(queues: readonly string[]): void {
    this.#queues = queues
    const others = this.#arrived.filter(({ queue }) => !queues.includes(queue))
    this.#arrived = this.#arrived.filter(({ queue }) => queues.includes(queue))
    if (others.length > 0) this.#parts.giveBack(others)
  }

  arm({ wake }: Pick<WaitHooks, 'wake'>): void {
    this.#isArmed = true
    this.#wake = wake
    const room = this.#parts.free()
    if (room <= 0) return
    if (room < this.#queues.length) return this.#takeTurns()
    const most = Math.min(BATCH, Math.floor(room / this.#queues.length))
    for (const queue of this.#queues)
      if (!this.#polls.has(queue)) void this.#underWay.add(this.#wait(queue, most))
  }

  /** Waits no longer; what has arrived, or still arrives, goes back. */
  disarm(): void {
    this.#isArmed = false
    const arrived = this.#arrived.splice(0)
    if (arrived.length > 0) this.#parts.giveBack(arrived)
  }

  /** Cuts the requests that wait. What SQS was about to answer them comes back when its lease ends. */
  async end(): Promise<void> {
    this.disarm()
    for (const poll of this.#polls.values()) poll.abort()
    await this.#underWay.ended()
  }

  /** What has arrived, earlier queues first. */
  take(most: number): readonly Holding[] {
    if (this.#arrived.length === 0) return []
    const rank = (holding: Holding): number => this.#queues.indexOf(holding.queue)
    this.#arrived.sort((a, b) => rank(a) - rank(b))
    return this.#arrived.splice(0, most)
  }

  async #wait(queue: string, most: number): Promise<void> {
    while (this.#isArmed && this.#queues.includes(queue)) {
      const answer = await this.#poll(queue, most, this.#parts.waitS)
      if (answer !== 'none') return
    }
  }

  #takeTurns(): void {
    if (this.#isTurning) return
    this.#isTurning = true
    const turns = async (): Promise<void> => {
      while (this.#isArmed)
        for (const queue of this.#queues) {
          const room = this.#parts.free()
          if (!this.#isArmed || room <= 0) return
          const waitS = Math.min(SHORT_WAIT_S, this.#parts.waitS)
          if ((await this.#poll(queue, Math.min(BATCH, room), waitS)) !== 'none') return
        }
    }
    void this.#underWay.add(
      turns().finally(() => {
        this.#isTurning = false
      }),
    )
  }

  async #poll(queue: string, most: number, waitS: number): Promise<'some' | 'none' | 'failed'> {
    const poll = new AbortController()
    this.#polls.set(queue, poll)
    let arrived: readonly Holding[]
    try {
      arrived = await this.#parts.receive(queue, most, waitS, poll.signal)
    } catch {
      this.#polls.delete(queue)
      // The look that follows fails as well, and reports it.
      if (!poll.signal.aborted) this.#wake(queue)
      return 'failed'
    }
    this.#polls.delete(queue)
    if (arrived.length === 0) return 'none'
    if (!this.#isArmed || !this.#queues.includes(queue)) this.#parts.giveBack(arrived)
    else {
      this.#arrived.push(...arrived)
      this.#wake(queue)
    }
    return 'some'
  }
}
