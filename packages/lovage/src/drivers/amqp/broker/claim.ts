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

/** A message delivered by the server and not yet settled. */
export class Claim implements Delivery {
  readonly tag: string
  readonly queue: string
  readonly message: IncomingMessage | MessageError
  /** Its position in the order of arrival. */
  readonly order: number
  /** Whether the server has delivered it before. */
  readonly wasDelivered: boolean
  readonly isCountedByQueue: boolean
  /** How often its queue has delivered it before, as far as the queue reports it; requeues by ourselves are not counted. */
  readonly deliveries: number
  /** Whether it came from the queue of orphaned messages instead of its own. */
  readonly isOrphan: boolean
  readonly fault?: MessageError
  redeliveries: number
  /** The channel on which it can be settled; undefined while that channel is lost. */
  source: Source | undefined
  /** Its delivery tag on that channel. */
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

  /** Serialised only on demand. */
  get raw(): Buffer | string {
    return rawOf(this.message, this.#body)
  }

  /** The same for a message and its redelivery, different for its retry. */
  get key(): string | undefined {
    if (isLovageError(this.message)) return undefined
    const { id, retries } = this.message.headers
    return typeof id === 'string'
      ? `${this.queue} ${id} ${typeof retries === 'number' ? retries : ''}`
      : undefined
  }
}

const MOST_REMEMBERED = 10_000
/** After this long, a message with the id of a finished one counts as sent again. */
const SETTLED_MS = 600_000

/** Tracks messages that the server may deliver again. */
export class Redelivered {
  /** Running here; their channel has ended. */
  readonly #expected = new Map<string, Claim>()
  /** Finished here after their channel had ended. */
  readonly #settled = new Map<string, number>()
  /** How often we gave each back ourselves, without a lost holder. */
  readonly #uncounted = new Map<string, number>()
  readonly #waiting = new Map<Claim, (isOurs: boolean) => void>()
  #timer: NodeJS.Timeout | undefined

  /** How many messages may come back. */
  get expected(): number {
    return this.#expected.size
  }

  /** Registers a claim whose channel has ended; false when it could not be distinguished from others. */
  expect(claim: Claim): boolean {
    const { key } = claim
    if (key === undefined || this.#expected.has(key)) return false
    this.#expected.set(key, claim)
    return true
  }

  /** Starts the window in which expected messages may come back; after it, they belong to another consumer. */
  begin(forMs: number, onExpired: (claims: readonly Claim[]) => void): void {
    clearTimeout(this.#timer)
    if (this.#expected.size === 0) return
    this.#timer = setTimeout(() => onExpired(this.giveUp()), forMs)
    this.#timer.unref()
  }

  /** Stops expecting messages; returns the claims that were waiting. */
  giveUp(): readonly Claim[] {
    clearTimeout(this.#timer)
    const expired = [...this.#expected.values()]
    this.#expected.clear()
    for (const claim of expired) this.#answer(claim, false)
    return expired
  }

  /** The claim that a delivery belongs to and continues; `settled` when nothing is left to do. */
  adopt(delivery: Claim): Claim | 'settled' | undefined {
    if (!delivery.wasDelivered) return undefined
    const { key } = delivery
    if (key === undefined) return undefined
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

  /** It took effect, but could not be acknowledged. */
  settled({ key }: Claim): void {
    if (key === undefined) return
    this.#expected.delete(key)
    remember(this.#settled, key, Date.now())
  }

  /** Its next delivery is not counted. */
  uncount({ key, redeliveries }: Claim): void {
    if (key !== undefined) remember(this.#uncounted, key, redeliveries)
  }

  /** Whether a holder was lost with it and only the server's redelivered flag shows it. Corrects the flag by what is known here. */
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
