import type { Canvas } from '../../canvas/index.js'
import type { ExceptionInfo } from '../../message/index.js'
import type { RetryRequest } from './signals.js'
import type { TimeLimitExceeded, WorkerLostError } from './stop-reasons.js'

/** How a run ended: a closed set, created only in `run.ts`. */
export type Outcome =
  | { readonly kind: 'success'; readonly value: unknown; readonly json: string }
  | {
      readonly kind: 'failure'
      readonly error: unknown
      readonly exception: ExceptionInfo
      readonly traceback: string
      readonly expected: boolean
    }
  | {
      readonly kind: 'retry'
      readonly dueMs: number
      readonly request: RetryRequest
      /** The reason for the retry; null when the task only asked for one. */
      readonly exception: ExceptionInfo | null
      readonly traceback: string | null
    }
  /**
   * Its process died: the message goes back and is counted, or the task has failed (`rejectOnWorkerLost`). The same for a run over
   * its hard limit where timeouts are not acknowledged (`acksOnTimeout`).
   */
  | { readonly kind: 'lost'; readonly error: WorkerLostError | TimeLimitExceeded }
  | { readonly kind: 'ignore' }
  /** Other work takes the task's place and its id. */
  | {
      readonly kind: 'replace'
      /** @internal */
      readonly canvas: Canvas
    }
  | {
      readonly kind: 'reject'
      readonly requeue: boolean
      readonly message: string
      readonly traceback: string
    }
