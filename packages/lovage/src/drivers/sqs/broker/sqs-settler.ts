import type { Settlement } from '../../../broker/index.js'
import { crashPoint, InFlight, type Logger } from '../../../kernel/index.js'
import { type ConsumerState, type OpenSettlement, persist, type Settled } from '../../shared/index.js'
import type { SqsClient } from '../client/index.js'
import type { Companion } from './companion.js'
import { type Holding, type Holdings, perQueue } from './holdings.js'
import { delayOf, type SqsPublisher } from './sqs-publisher.js'
import { encoded, type Sending } from './wire.js'

/** SQS keeps a message from others for at most this long. */
const LONGEST_HIDDEN_S = 43_200

/** State that a settler shares with its consumer. */
export interface SqsSettlerParts {
  readonly client: SqsClient
  readonly publisher: SqsPublisher
  readonly companion: Companion
  readonly holdings: Holdings
  readonly logger: Logger
  readonly stateOf: () => ConsumerState
}

/** A settlement and what it ends. */
interface Ending {
  readonly settlement: Settlement
  readonly holding: Holding
}

/**
 * Ends claims: what follows is published first, letters are stored, then the message is removed. A crash in between repeats the task
 * under its id and loses nothing. While SQS or the store is away, it tries again.
 */
export class SqsSettler {
  readonly #parts: SqsSettlerParts
  readonly #inFlight = new InFlight()

  constructor(parts: SqsSettlerParts) {
    this.#parts = parts
  }

  settle(open: readonly OpenSettlement[]): Promise<readonly Settled[]> {
    return this.#inFlight.add(this.#settle(open))
  }

  /** Sends messages back to the end of their queues as they came, without counting a loss. */
  giveBack(holdings: readonly Holding[]): Promise<void> {
    return this.#inFlight.add(this.#putBack(holdings))
  }

  async idle(): Promise<void> {
    await this.#inFlight.ended()
  }

  async #settle(open: readonly OpenSettlement[]): Promise<readonly Settled[]> {
    const { holdings } = this.#parts
    const endings = open.map(({ settlement, claim }) => ({ settlement, holding: holdings.get(claim.key) }))
    const ours = endings.filter((one): one is Ending => one.holding !== undefined)
    let still: ReadonlySet<Holding> = new Set()
    const isAsked = await this.#persist(async () => {
      still = new Set(await holdings.stillOurs(ours.map(({ holding }) => holding)))
    })
    if (!isAsked) return open.map(() => 'refused')
    const held = ours.filter(({ holding }) => still.has(holding))
    const failures = await this.#end(held)
    holdings.drop(held.filter((one) => !failures.has(one)).map(({ holding }) => holding))
    const ended = new Map(held.map((one) => [one.settlement, failures.get(one)]))
    return open.map(({ settlement }) => {
      if (!ended.has(settlement)) return 'refused'
      const failed = ended.get(settlement)
      return failed === undefined ? 'ended' : { failed }
    })
  }

  /** Carries out what can be done together; what fails is then tried one by one. */
  async #end(endings: readonly Ending[]): Promise<ReadonlyMap<Ending, unknown>> {
    const failures = new Map<Ending, unknown>()
    if (endings.length === 0) return failures
    try {
      await this.#endTogether(endings)
    } catch (error) {
      const [only] = endings
      if (endings.length === 1 && only) failures.set(only, error)
      else
        for (const one of endings)
          for (const [ending, failure] of await this.#end([one])) failures.set(ending, failure)
    }
    return failures
  }

  async #endTogether(endings: readonly Ending[]): Promise<void> {
    const { companion, client } = this.#parts
    const kindOf = (kind: Settlement['kind']): readonly Ending[] =>
      endings.filter(({ settlement }) => settlement.kind === kind)
    const follow = endings.flatMap(({ settlement }) => settlement.publish ?? [])
    const letters = endings.flatMap(({ settlement }) =>
      settlement.kind === 'dead-letter' ? [settlement.letter] : [],
    )
    const later = endings.filter(({ settlement }) => settlement.kind === 'postpone')
    const back = endings.filter(({ settlement }) => settlement.kind === 'requeue')
    if (later.length > 0) crashPoint('postpone:before')
    const isDone = await this.#persist(async () => {
      if (follow.length > 0) await companion.publish(follow)
      if (letters.length > 0) await companion.letters.add(letters)
      await this.#postpone(later)
    })
    if (!isDone) throw new Error('the consumer was closed before its messages could be settled')
    const removed = [
      ...kindOf('ack'),
      ...kindOf('dead-letter'),
      ...later.filter((one) => !this.#isHidden(one)),
    ]
    await this.#persist(() => this.#remove(removed.map(({ holding }) => holding)))
    if (back.length === 0) return
    const counted = back.filter(({ settlement }) => settlement.kind === 'requeue' && settlement.counts)
    for (const [url, some] of perQueue(counted.map(({ holding }) => holding)))
      await this.#persist(async () => {
        await client.hide(
          url,
          some.map(({ handle }) => handle),
          0,
        )
      })
    await this.#putBack(back.filter((one) => !counted.includes(one)).map(({ holding }) => holding))
  }

  async #putBack(holdings: readonly Holding[]): Promise<void> {
    const { client, holdings: all } = this.#parts
    const ordered = holdings.filter(({ source }) => source.isFifo)
    // A copy would stand behind the rest of its group.
    for (const [url, some] of perQueue(ordered))
      await client.hide(
        url,
        some.map(({ handle }) => handle),
        0,
      )
    const others = holdings.filter(({ source }) => !source.isFifo)
    await this.#copy(others.map((holding) => ({ holding })))
    await this.#remove(others)
    all.drop(holdings)
  }

  async #remove(holdings: readonly Holding[]): Promise<void> {
    await Promise.all(
      perQueue(holdings).map(async ([url, some]) => {
        let left = some
        for (let round = 0; left.length > 0 && round < 3; round++) {
          const failures = await this.#parts.client.delete(
            url,
            left.map(({ handle }) => handle),
          )
          // An entry that is refused for good is another's by now.
          const again = new Set(failures.filter(({ isOurs }) => !isOurs).map(({ index }) => index))
          left = left.filter((_, index) => again.has(index))
        }
      }),
    )
  }

  /** FIFO queues know no delays of single messages: without a store, the message stays hidden, and its group waits. */
  #isHidden({ holding }: Ending): boolean {
    return holding.source.isFifo && !this.#parts.companion.hasLater
  }

  async #postpone(endings: readonly Ending[]): Promise<void> {
    const { companion, client } = this.#parts
    const copies: Copy[] = []
    for (const ending of endings) {
      const { settlement, holding } = ending
      if (settlement.kind !== 'postpone') continue
      const { untilMs } = settlement
      const leftMs = untilMs - Date.now()
      if (this.#isHidden(ending)) {
        const seconds = Math.min(LONGEST_HIDDEN_S, Math.max(0, Math.ceil(leftMs / 1000)))
        await client.hide(holding.source.url, [holding.handle], seconds)
      } else if (!companion.keepsLater(holding.source.isFifo, leftMs)) copies.push({ holding, untilMs })
      else if ('headers' in holding.message) await companion.keep(holding.queue, holding.message, untilMs)
      else throw holding.message
    }
    await this.#copy(copies)
  }

  async #copy(copies: readonly Copy[]): Promise<void> {
    const byQueue = new Map<string, Sending[]>()
    for (const { holding, untilMs } of copies) {
      const { queue, raw, redeliveries, message } = holding
      const group = 'headers' in message ? message.headers.MessageGroupId : undefined
      const sending = {
        body: encoded(raw, this.#parts.client.options.isBase64),
        redeliveries,
        ...(typeof group === 'string' ? { group } : {}),
        ...delayOf(untilMs),
      }
      byQueue.set(queue, [...(byQueue.get(queue) ?? []), sending])
    }
    await Promise.all([...byQueue].map(([queue, sendings]) => this.#parts.publisher.send(queue, sendings)))
  }

  #persist(work: () => Promise<void>): Promise<boolean> {
    return persist(work, this.#parts.stateOf, this.#parts.logger)
  }
}

/** A message that goes back into its queue as a copy, and when it is due. */
interface Copy {
  readonly holding: Holding
  readonly untilMs?: number
}
