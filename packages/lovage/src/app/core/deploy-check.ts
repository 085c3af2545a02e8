/** Something that an app needs in production and only it can look at. */
export interface DeployCheck {
  readonly name: string
  /** Returns what was found, as a text if there is something to say; throws what is wrong. */
  readonly run: () => unknown
  /** What to do when it throws. */
  readonly advice?: string
}
