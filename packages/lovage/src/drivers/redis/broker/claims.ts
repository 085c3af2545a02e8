import type { Delivery } from '../../../broker/index.js'
import { FleetingMap } from '../../../kernel/index.js'

/** A message that this consumer holds. */
export interface Claim {
  /** Key of the server's records. The delivery's tag tells besides which claim of the message it was. */
  readonly wireTag: string
  /** Of the claim's reply, in the order of their coming. */
  readonly number: number
  readonly delivery: Delivery
  /** Its settlement is on the way. */
  settling: boolean
}

/** What this consumer holds, by wire tag: one claim of a message at a time. */
export class Claims {
  readonly #byWireTag = new FleetingMap<Claim>()
  /** By the tags of their deliveries, so that nothing has to be cut and hashed anew for each settlement. */
  readonly #byTag = new FleetingMap<Claim>()

  get size(): number {
    return this.#byWireTag.size
  }

  /** Answers with the tag of an earlier claim of the message, which must have been lost. */
  add(wireTag: string, number: number, delivery: Delivery): string | undefined {
    const before = this.#byWireTag.get(wireTag)
    if (before) this.#byTag.delete(before.delivery.tag)
    const claim = { wireTag, number, delivery, settling: false }
    this.#byWireTag.set(wireTag, claim)
    this.#byTag.set(delivery.tag, claim)
    return before?.delivery.tag
  }

  has(wireTag: string): boolean {
    return this.#byWireTag.has(wireTag)
  }

  /** The claim that a delivery's tag names, unless it is settled, being settled, or lost. */
  open(tag: string): Claim | undefined {
    const claim = this.#byTag.get(tag)
    return claim?.settling ? undefined : claim
  }

  remove(claim: Claim): void {
    if (this.#byTag.delete(claim.delivery.tag)) this.#byWireTag.delete(claim.wireTag)
  }

  /** Forgets those up to claim `number` that the server does not list; answers with their deliveries' tags. */
  keepListed(wireTags: ReadonlySet<string>, number: number): string[] {
    const lost: string[] = []
    for (const claim of this.#byWireTag.values()) {
      if (claim.number > number || claim.settling || wireTags.has(claim.wireTag)) continue
      lost.push(claim.delivery.tag)
      this.remove(claim)
    }
    return lost
  }
}

/** A delivery's tag: the number of the claim, and the message's tag. */
export const claimTag = (wireTag: string, number: number): string => `${number}/${wireTag}`
