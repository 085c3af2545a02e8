import type { LogOptions } from './log-output.js'

/** The key under which the main thread registers the function that names its task, for the watch thread to call. */
export const BLOCKING = Symbol.for('lovage.blocking')

/** A running task, as reported by the main thread. */
export interface BlockingTask {
  readonly id: string
  readonly name: string
  /** Its hard limit; undefined = none. */
  readonly hardMs?: number | undefined
}

/** The main thread's report when it is interrupted. */
export interface MainReport {
  /** The current task; null when there is none. */
  readonly task: BlockingTask | null
  /** Innermost first, as errors show it; empty while the main thread is in native code. */
  readonly stack: readonly string[]
}

/** The data that the thread starts with. */
export interface BlockThreadData {
  /** Unix ms at which the event loop last turned: one BigInt64. */
  readonly pulse: SharedArrayBuffer
  readonly log: LogOptions
  /** The longest hard limit of the app's tasks; undefined = one of them has none. */
  readonly longestMs: number | undefined
  /** The shortest; Infinity when none has one. */
  readonly shortestMs: number
  /** The supervisor's process id, if there is one. */
  readonly supervisor: number | undefined
}
