import type { WaitOptions } from './until-ready.js'

/** Options for revoking tasks. */
export interface RevokeOptions {
  /** Whether a running task is stopped too. */
  readonly terminate?: boolean
  /** Signal for the child of a running task. Default SIGTERM. */
  readonly signal?: NodeJS.Signals
}

/** How to wait for a result. */
export interface GetOptions extends WaitOptions {
  /** Whether the task's failure is thrown. Default true. */
  readonly propagate?: boolean
}
