/** A request that cannot be fulfilled, for a reason that the user can fix. */
export class Refused extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Refused'
  }
}
