import type { Delivery } from '../../../broker/index.js'
import { isLovageError, type MessageError } from '../../../kernel/index.js'
import type { IncomingMessage } from '../../../message/index.js'
import type { AmqpDelivery } from '../client/index.js'
import { ORPHANS } from './orphans.js'
import type { Source } from './source.js'
import {
  countedRedeliveries,
  deliveriesBefore,
  fromWire,
  isCountedByQueue,
  orphanOf,
  rawOf,
} from './wire-message.js'

/** A message that the server gave us, until it is settled. */
export class Claim implements Delivery {
  readonly tag: string
  readonly queue: string
  readonly message: IncomingMessage | MessageError
  /** The place among all that came. */
  readonly order: number
  /** Whether the server delivered it to somebody before. */
  readonly wasDelivered: boolean
  readonly isCountedByQueue: boolean
  /** How often its queue has delivered it before, as far as it says; with what was given back uncounted. */
  readonly deliveries: number
  /** Whether it came from where messages are that have lost their place, and not from its queue. */
  readonly isOrphan: boolean
  readonly fault?: MessageError
  redeliveries: number
  /** The channel on which it can be settled; none while it is lost. */
  source: Source | undefined
  /** Its number there. */
  number: number
  isSettling = false
  readonly #body: Buffer

  constructor(order: number, queue: string, delivery: AmqpDelivery, source: Source) {
    this.tag = `${process.pid}-${order}`
    this.isOrphan = queue === ORPHANS
    const { queue: own, fault } = this.isOrphan ? orphanOf(delivery) : { queue }
    if (fault) this.fault = fault
    this.queue = own
    this.order = order
    this.message = fromWire(delivery, own)
    this.wasDelivered = delivery.redelivered
    this.isCountedByQueue = isCountedByQueue(delivery.headers)
    this.redeliveries = countedRedeliveries(delivery.headers)
    this.deliveries = deliveriesBefore(delivery.headers)
    this.source = source
    this.number = delivery.tag
    this.#body = delivery.body
  }

  /** Written only for those who look at it. */
  get raw(): Buffer | string {
    return rawOf(this.message, this.#body)
  }

  /** Equal for a message and its redelivery, different for its retry. */
  get key(): string | undefined {
    if (isLovageError(this.message)) return undefined
    const { id, retries } = this.message.headers
    return typeof id === 'string'
      ? `${this.queue} ${id} ${typeof retries === 'number' ? retries : ''}`
      : undefined
  }
}

const MOST_REMEMBERED = 10_000
/** After so long, a message under the id of one that is done was sent anew. */
const SETTLED_MS = 600_000

/** What is known of messages that the server may deliver again. */
export class Redelivered {
  /** Running here, their channel ended. */
  readonly #expected = new Map<string, Claim>()
  /** Done here after their channel had ended. */
  readonly #settled = new Map<string, number>()
  /** Given back by ourselves, so often that nobody was lost with them. */
  readonly #uncounted = new Map<string, number>()
  readonly #waiting = new Map<Claim, (isOurs: boolean) => void>()
  #timer: NodeJS.Timeout | undefined

  /** How many may come back. */
  get expected(): number {
    return this.#expected.size
  }

  /** A claim whose channel has ended; false when it could not be told from others. */
  expect(claim: Claim): boolean {
    const { key } = claim
    if (key === undefined || this.#expected.has(key)) return false
    this.#expected.set(key, claim)
    return true
  }

  /** From now on, for so long, what is expected may come; then it is another's. */
  begin(forMs: number, onExpired: (claims: readonly Claim[]) => void): void {
    clearTimeout(this.#timer)
    if (this.#expected.size === 0) return
    this.#timer = setTimeout(() => onExpired(this.giveUp()), forMs)
    this.#timer.unref()
  }

  /** Expects nothing more: the claims that were. */
  giveUp(): readonly Claim[] {
    clearTimeout(this.#timer)
    const expired = [...this.#expected.values()]
    this.#expected.clear()
    for (const claim of expired) this.#answer(claim, false)
    return expired
  }

  /** The claim that a delivery belongs to, which goes on with it; `settled` when nothing is left to do. */
  adopt(delivery: Claim): Claim | 'settled' | undefined {
    const { key } = delivery
    if (!delivery.wasDelivered || key === undefined) return undefined
    const settledMs = this.#settled.get(key)
    this.#settled.delete(key)
    if (settledMs !== undefined && Date.now() - settledMs < SETTLED_MS) return 'settled'
    const claim = this.#expected.get(key)
    if (!claim) return undefined
    this.#expected.delete(key)
    claim.source = delivery.source
    claim.number = delivery.number
    this.#answer(claim, true)
    return claim
  }

  /** Resolves when a claim has come back, or is given up. */
  returned(claim: Claim): Promise<boolean> {
    const { key } = claim
    if (key === undefined || this.#expected.get(key) !== claim) return Promise.resolve(false)
    return new Promise((resolve) => this.#waiting.set(claim, resolve))
  }

  /** It had its effects, and could not be acknowledged. */
  settled({ key }: Claim): void {
    if (key === undefined) return
    this.#expected.delete(key)
    remember(this.#settled, key, Date.now())
  }

  /** Its next delivery counts for nothing. */
  uncount({ key, redeliveries }: Claim): void {
    if (key !== undefined) remember(this.#uncounted, key, redeliveries)
  }

  /** Whether somebody was lost with it, and nothing says so yet but the server's mark. Corrects what we know better. */
  mustCount(claim: Claim): boolean {
    if (!claim.wasDelivered || claim.isOrphan) return false
    const known = claim.key === undefined ? undefined : this.#uncounted.get(claim.key)
    if (known !== undefined && claim.key !== undefined) {
      this.#uncounted.delete(claim.key)
      claim.redeliveries = known
      return false
    }
    return !claim.isCountedByQueue && !isLovageError(claim.message)
  }

  #answer(claim: Claim, isOurs: boolean): void {
    this.#waiting.get(claim)?.(isOurs)
    this.#waiting.delete(claim)
  }
}

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.size > MOST_REMEMBERED ? map.keys() : []
  if (oldest !== undefined) map.delete(oldest)
}
