/** What was asked cannot be done, for a reason that whoever asked can mend. */
export class Refused extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Refused'
  }
}
