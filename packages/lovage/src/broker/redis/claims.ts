import type { Delivery } from '../broker.js'

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
  readonly #byTag = new Map<string, Claim>()

  get size(): number {
    return this.#byTag.size
  }

  /** Answers with the tag of an earlier claim of the message, which must have been lost. */
  add(wireTag: string, number: number, delivery: Delivery): string | undefined {
    const before = this.#byTag.get(wireTag)
    this.#byTag.set(wireTag, { wireTag, number, delivery, settling: false })
    return before?.delivery.tag
  }

  has(wireTag: string): boolean {
    return this.#byTag.has(wireTag)
  }

  /** The claim that a delivery's tag names, unless it is settled, being settled, or lost. */
  open(tag: string): Claim | undefined {
    const claim = this.#byTag.get(tag.slice(0, tag.lastIndexOf('/')))
    return claim?.delivery.tag === tag && !claim.settling ? claim : undefined
  }

  remove(claim: Claim): void {
    if (this.#byTag.get(claim.wireTag) === claim) this.#byTag.delete(claim.wireTag)
  }

  /** Forgets those up to claim `number` that the server does not list; answers with their deliveries' tags. */
  keepListed(wireTags: ReadonlySet<string>, number: number): string[] {
    const lost: string[] = []
    for (const claim of this.#byTag.values()) {
      if (claim.number > number || claim.settling || wireTags.has(claim.wireTag)) continue
      lost.push(claim.delivery.tag)
      this.#byTag.delete(claim.wireTag)
    }
    return lost
  }
}

/** A delivery's tag: the message's, and the number of the claim. */
export const claimTag = (wireTag: string, number: number): string => `${wireTag}/${number}`
