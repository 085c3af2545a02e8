import type { TaskState } from '../../result/index.js'

/** The result of a task that ran in the caller's own process. */
export interface EagerResult<Result> {
  readonly id: string
  readonly state: TaskState
  /** The value. @throws the error that the task threw. */
  get(): Result
  /** The value, or the error the task threw; null when it ignored or rejected itself. */
  readonly result: unknown
  readonly traceback: string | null
  /** Number of runs it took: 1 without retries. */
  readonly runs: number
}
