import type { AppSource } from '../../../loader/index.js'
import type { ResultTuple } from '../../../result/index.js'
import type { WireError } from './error-wire.js'
import type { WireJob } from './job-wire.js'
import type { WireOutcome } from './outcome-wire.js'

/** The first frame to a child. */
export interface ChildSetup {
  readonly source: AppSource
  readonly hostname: string
  /** From 1: for its title, and `%i` in file names. */
  readonly index: number
  /** Lines below this level are not sent. */
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
  /** Whether memory use is reported with every outcome. */
  readonly tellsMemory: boolean
  /** The board of a thread; a process has it as an open file. */
  readonly memory?: SharedArrayBuffer | undefined
}

/** The end of a run. */
export interface WireEnd {
  readonly key: number
  readonly outcome: WireOutcome
  /** Results of what the run has sent. */
  readonly children: readonly ResultTuple[]
}

/** From the parent to a child. */
export type ToChild =
  | { readonly kind: 'setup'; readonly setup: ChildSetup }
  /** Jobs to run one after the other, each unless the board says that it was taken back. */
  | { readonly kind: 'run'; readonly jobs: readonly WireJob[] }
  | { readonly kind: 'abort'; readonly key: number; readonly reason: WireError }
  | { readonly kind: 'answer'; readonly request: number; readonly error: WireError | null }
  | { readonly kind: 'stop' }

/** From a child to its parent. */
export type FromChild =
  | { readonly kind: 'ready' }
  /** It cannot load the app; it ends. */
  | { readonly kind: 'unfit'; readonly error: WireError }
  | {
      readonly kind: 'ended'
      readonly end: WireEnd
      readonly memoryKib: number
      /** The child takes no more jobs. */
      readonly isLast: boolean
    }
  /** It was taken back before it started. */
  | { readonly kind: 'left'; readonly key: number }
  /** `ctx.updateState` of a running task; answered when it is stored. */
  | {
      readonly kind: 'state'
      readonly request: number
      readonly key: number
      readonly state: string
      readonly meta: string
    }
  /** `ctx.sendEvent` of a running task; fields as JSON. */
  | { readonly kind: 'event'; readonly key: number; readonly type: string; readonly fields: string }
  | {
      readonly kind: 'log'
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly fields: string
      readonly message: string
    }
