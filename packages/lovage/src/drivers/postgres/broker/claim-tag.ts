/** A row that a holder has claimed: the message, and which claim of its holder's. */
export interface ClaimedRowName {
  readonly id: number
  readonly claim: number
}

/** Names a claim. What differs within a claim stands last: that is what maps of tags look at. */
export const tagOf = ({ id, claim }: ClaimedRowName): string => `${claim}.${id}`

/** What a tag names. */
export function claimOf(tag: string): ClaimedRowName {
  const [claim = 0, id = 0] = tag.split('.').map(Number)
  return { id, claim }
}
