/** A request that this person, this dashboard or a worker refuses. */
export class Refused extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Refused'
  }
}

/** A request that cannot be understood, or names what there is not. */
export class Invalid extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Invalid'
  }
}
