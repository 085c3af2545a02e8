import type { Delivery, Settlement } from '../../broker/index.js'
import { FleetingMap } from '../../kernel/index.js'

/** A claimed message as its driver hands it over. */
export interface ClaimedMessage extends Omit<Delivery, 'tag'> {
  /** Names the claim on the server. */
  readonly key: string
}

/** A message that this consumer holds. */
export interface Claim {
  /** Names the claim on the server; the delivery's tag may carry more. */
  readonly key: string
  /** Number of the claiming batch, in the order in which batches were answered. */
  readonly number: number
  readonly delivery: Delivery
  /** Its settlement is in flight. */
  settling: boolean
}

/** A settlement and the claim that it ends. */
export interface OpenSettlement {
  readonly settlement: Settlement
  readonly claim: Claim
}

/** The claims that this consumer holds, by the server's name and by the delivery's tag. */
export class HeldClaims {
  readonly #tagOf: (key: string, number: number) => string
  readonly #byTag = new FleetingMap<Claim>()
  readonly #byKey: FleetingMap<Claim>
  #number = 0
  /** Listed as ours at the last comparison, and unknown here. */
  #unknown: ReadonlySet<string> = new Set()

  /** `tagOf`: for servers that use the same name for each claim of a message. */
  constructor(tagOf?: (key: string, number: number) => string) {
    this.#tagOf = tagOf ?? ((key) => key)
    this.#byKey = tagOf ? new FleetingMap<Claim>() : this.#byTag
  }

  get size(): number {
    return this.#byKey.size
  }

  /** The number of the last batch. */
  get number(): number {
    return this.#number
  }

  /** Turns a batch into deliveries. `lost` are tags of earlier claims of the same messages, which must have been lost. */
  take(messages: Iterable<ClaimedMessage>): { readonly deliveries: Delivery[]; readonly lost: string[] } {
    const number = ++this.#number
    const deliveries: Delivery[] = []
    const lost: string[] = []
    for (const { key, queue, raw, message, redeliveries } of messages) {
      const delivery: Delivery = { tag: this.#tagOf(key, number), queue, raw, message, redeliveries }
      deliveries.push(delivery)
      const before = this.#byKey.get(key)
      if (before) lost.push(before.delivery.tag)
      if (before && this.#byKey !== this.#byTag) this.#byTag.delete(before.delivery.tag)
      const claim: Claim = { key, number, delivery, settling: false }
      this.#byKey.set(key, claim)
      if (this.#byKey !== this.#byTag) this.#byTag.set(delivery.tag, claim)
    }
    return { deliveries, lost }
  }

  /** The claim of a delivery's tag, unless it is settled, being settled, or lost. */
  open(tag: string): Claim | undefined {
    const claim = this.#byTag.get(tag)
    return claim?.settling ? undefined : claim
  }

  remove(claim: Claim): void {
    if (this.#byTag.delete(claim.delivery.tag) && this.#byKey !== this.#byTag) this.#byKey.delete(claim.key)
  }

  clear(): void {
    this.#byTag.clear()
    this.#byKey.clear()
  }

  /**
   * Compares the claims held here with the server's list of ours. A claim from up to batch `number` that is not listed
   * was given to another consumer, unless its queue's claims could not be listed. A listed claim that is unknown here, twice in a row, was made by a command whose reply was lost.
   */
  compare(
    listed: readonly string[],
    number: number,
    isUnread: (queue: string) => boolean = () => false,
  ): { lost: string[]; orphans: string[] } {
    const there = new Set(listed)
    const lost: string[] = []
    for (const claim of this.#byKey.values()) {
      if (claim.number > number || claim.settling || there.has(claim.key)) continue
      if (isUnread(claim.delivery.queue)) continue
      lost.push(claim.delivery.tag)
      this.remove(claim)
    }
    const unknown = listed.filter((key) => !this.#byKey.has(key))
    const orphans = unknown.filter((key) => this.#unknown.has(key))
    this.#unknown = new Set(unknown)
    return { lost, orphans }
  }
}
