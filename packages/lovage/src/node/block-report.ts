import type { LogOptions } from './log-output.js'

/** Where the main thread leaves the function that names its task; the thread evaluates it by this key. */
export const BLOCKING = Symbol.for('lovage.blocking')

/** A task that runs, as the main thread tells of it. */
export interface BlockingTask {
  readonly id: string
  readonly name: string
  /** Its hard limit; undefined = none. */
  readonly hardMs?: number | undefined
}

/** What the main thread says when it is asked in the middle of something. */
export interface MainReport {
  /** The task that it is part of; null when it is none. */
  readonly task: BlockingTask | null
  /** Innermost first, as errors show it; empty while the main thread is in native code. */
  readonly stack: readonly string[]
}

/** What the thread starts with. */
export interface BlockThreadData {
  /** Unix ms at which the event loop last turned: one BigInt64. */
  readonly pulse: SharedArrayBuffer
  readonly log: LogOptions
  /** The longest hard limit of the app's tasks; undefined = one of them has none. */
  readonly longestMs: number | undefined
  /** The shortest; Infinity when none has one. */
  readonly shortestMs: number
  /** Process id of the supervisor, should there be one. */
  readonly supervisor: number | undefined
}
