/** A row claimed by a holder: the message, and the number of its holder's claim. */
export interface ClaimedRowName {
  readonly id: number
  readonly claim: number
}

/** Names a claim. The part that varies within a claim comes last: that is the part that maps of tags look at. */
export const tagOf = ({ id, claim }: ClaimedRowName): string => `${claim}.${id}`

/** The claim that a tag names. */
export function claimOf(tag: string): ClaimedRowName {
  const [claim = 0, id = 0] = tag.split('.').map(Number)
  return { id, claim }
}
