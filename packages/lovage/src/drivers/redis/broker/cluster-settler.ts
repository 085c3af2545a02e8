import type { Broker } from '../../../broker/index.js'
import type { DeadLetterStore } from '../../../dead-letter/index.js'
import type { OutgoingMessage } from '../../../message/index.js'
import type { Claim, OpenSettlement, Settled } from '../../shared/index.js'
import type { QueueShare } from './queue-share.js'

/** Where the parts of a settlement go that are in other slots than its claim. */
export interface ClusterSettlerParts {
  readonly publisher: Pick<Broker, 'publish'>
  readonly deadLetters: Pick<DeadLetterStore, 'add'>
}

/** Settles claims in the slots of their queues, the slots side by side. */
export class ClusterSettler {
  readonly #shareOf: (queue: string) => QueueShare
  readonly #parts: ClusterSettlerParts

  constructor(shareOf: (queue: string) => QueueShare, parts: ClusterSettlerParts) {
    this.#shareOf = shareOf
    this.#parts = parts
  }

  settle(settlements: readonly OpenSettlement[]): Promise<readonly Settled[]> {
    return settlements.some(hasMore)
      ? this.#settleAfter(settlements)
      : this.#each(settlements, (share, some) => share.settle(some))
  }

  /** Stores what goes elsewhere before the claims end, unless they are no longer ours; a death in between repeats it under the same ids. */
  async #settleAfter(settlements: readonly OpenSettlement[]): Promise<readonly Settled[]> {
    const [first, others] = [settlements.filter(hasMore), settlements.filter((one) => !hasMore(one))]
    const rest = this.settle(others)
    let ended: readonly Settled[]
    try {
      ended = await this.#publishAndEnd(first)
    } catch (failed) {
      ended = first.map(() => ({ failed }))
    }
    const queues = { first: [...ended], rest: [...(await rest)] }
    return settlements.map((one) => queues[hasMore(one) ? 'first' : 'rest'].shift() ?? 'refused')
  }

  async #publishAndEnd(settlements: readonly OpenSettlement[]): Promise<readonly Settled[]> {
    const { publisher, deadLetters } = this.#parts
    const areOurs = await this.#each(settlements, (share, some) => share.ours(some))
    const ours = settlements.filter((_, at) => areOurs[at])
    const messages = ours.flatMap(({ settlement, claim }) =>
      (settlement.publish ?? []).filter((message) => !isBeside(message, claim)),
    )
    if (messages.length > 0) await publisher.publish(messages)
    const letters = ours.flatMap(({ settlement }) =>
      settlement.kind === 'dead-letter' ? [settlement.letter] : [],
    )
    if (letters.length > 0) await deadLetters.add(letters)
    const ended = [...(await this.settle(ours.map(endOf)))]
    return areOurs.map((isOurs) => (isOurs ? (ended.shift() ?? 'refused') : 'refused'))
  }

  /** Asks the slot of each one's queue; the answers are in the order of the settlements. */
  async #each<Answer>(
    settlements: readonly OpenSettlement[],
    ask: (share: QueueShare, some: readonly OpenSettlement[]) => Promise<readonly Answer[]>,
  ): Promise<readonly Answer[]> {
    const parts = new Map<QueueShare, OpenSettlement[]>()
    for (const one of settlements) {
      const share = this.#shareOf(one.claim.delivery.queue)
      const part = parts.get(share)
      if (part) part.push(one)
      else parts.set(share, [one])
    }
    const [only] = parts
    if (only && parts.size === 1) return ask(...only)
    const answers = new Map<OpenSettlement, Answer>()
    await Promise.all(
      [...parts].map(async ([share, some]) => {
        for (const [at, answer] of (await ask(share, some)).entries()) {
          const one = some[at]
          if (one) answers.set(one, answer)
        }
      }),
    )
    // Every part has been answered in full.
    return settlements.map((one) => answers.get(one) as Answer)
  }
}

/** Whether a message goes to the queue of the claim, and with its end: nearly every retry does. */
const isBeside = ({ exchange, routingKey }: OutgoingMessage, { delivery }: Claim): boolean =>
  exchange === '' && routingKey === delivery.queue

/** Whether something in another slot goes before the claim's end. */
const hasMore = ({ settlement, claim }: OpenSettlement): boolean =>
  settlement.kind === 'dead-letter' ||
  (settlement.publish?.some((message) => !isBeside(message, claim)) ?? false)

/** What is left to do once the rest is stored. */
const endOf = ({ settlement, claim }: OpenSettlement): OpenSettlement => {
  if (settlement.kind === 'dead-letter') return { settlement: { tag: settlement.tag, kind: 'ack' }, claim }
  const { publish: messages = [], ...rest } = settlement
  const publish = messages.filter((message) => isBeside(message, claim))
  return { settlement: publish.length > 0 ? { ...rest, publish } : rest, claim }
}
