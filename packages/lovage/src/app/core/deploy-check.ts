/** A production requirement of an app that only the app itself can check. */
export interface DeployCheck {
  readonly name: string
  /** Returns the finding as text, if there is one; throws when something is wrong. */
  readonly run: () => unknown
  /** What to do when it throws. */
  readonly advice?: string
}
