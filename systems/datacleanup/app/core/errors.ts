/** Something that was asked for and cannot be done, however often it is tried: told in one line, never retried. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

/** Nothing here is another tenant's: a file, or anything else, that is not the user's own does not exist. */
export function ownedBy<Owned extends { readonly user_id: unknown }>(
  found: Owned | undefined,
  userId: number,
  what: string,
): Owned {
  if (!found || Number(found.user_id) !== userId) throw new Refused(`There is no ${what} of user ${userId}.`)
  return found
}
