import type { ClaimedMessage } from '../../shared/index.js'
import type { QueueShare } from './queue-share.js'

/** A node that answers later than this is not waited for: what it claimed comes with a later claim. */
const PATIENCE_MS = 250

/** What several shares answer to one claim, as far as they answer in time. */
export class ClaimRound {
  /** Resolves to the messages in the order of the shares, when all have answered or it was given up. */
  readonly ended: Promise<readonly ClaimedMessage[]>
  readonly beganMs = performance.now()
  readonly #shares: readonly QueueShare[]
  readonly #answers: (readonly ClaimedMessage[] | undefined)[]
  #left: number
  #isOver = false
  #resolve: (messages: readonly ClaimedMessage[]) => void = () => {}

  constructor(shares: readonly QueueShare[]) {
    this.#shares = shares
    this.#answers = new Array<undefined>(shares.length).fill(undefined)
    this.#left = shares.length
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve
    })
    if (shares.length === 0) this.#end()
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Takes a share's answer; false when it comes too late. */
  answer(place: number, messages: readonly ClaimedMessage[]): boolean {
    if (this.#isOver) return false
    this.#answers[place] = messages
    this.#left--
    if (this.#left === 0) this.#end()
    return true
  }

  /** Goes on without the shares that have not answered: their nodes do not answer now. */
  giveUp(): void {
    for (const [place, share] of this.#shares.entries()) if (!this.#answers[place]) share.lateClaims++
    this.#end()
  }

  #end(): void {
    this.#isOver = true
    const answers = this.#answers.splice(0)
    this.#resolve(answers.length === 1 ? (answers[0] ?? []) : answers.flatMap((messages) => messages ?? []))
  }
}

/** The rounds of a consumer that are not over. */
export class ClaimRounds {
  readonly #open = new Set<ClaimRound>()
  /** One timer for all rounds: one for each would cost as much as the claim. */
  #patience: NodeJS.Timeout | undefined

  /** Resolves to what the round claims when it is over; it is given up when shares do not answer in time. */
  async over(round: ClaimRound): Promise<readonly ClaimedMessage[]> {
    if (!round.isOver) {
      this.#open.add(round)
      this.#patience ??= setInterval(() => this.#giveUpLate(), PATIENCE_MS / 4).unref()
    }
    const claimed = await round.ended
    this.#open.delete(round)
    return claimed
  }

  #giveUpLate(): void {
    const nowMs = performance.now()
    for (const one of this.#open) if (nowMs - one.beganMs >= PATIENCE_MS) one.giveUp()
    if (this.#open.size > 0) return
    clearInterval(this.#patience)
    this.#patience = undefined
  }
}
