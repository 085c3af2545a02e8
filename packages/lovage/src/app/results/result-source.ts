import type { Clock } from '../../kernel/index.js'
import type { ErrorMap } from '../../message/index.js'
import type { ResultBackend, ResultTuple } from '../../result/index.js'
import type { AnyResult } from './any-result.js'
import type { RevokeOptions } from './get-options.js'

/** The app, as results see it: where results come from, and operations on the tasks they belong to. */
export interface ResultSource {
  readonly clock: Clock
  /** Errors with counterparts in Python. */
  readonly errors: ErrorMap
  /** @throws {ResultError} LVG_RESULT_DISABLED */
  results(): Promise<ResultBackend>
  /** The result that Celery's nested pairs describe. */
  resultOf(tuple: ResultTuple): AnyResult
  /** Keeps tasks from running, or stops them. */
  revoke(ids: readonly string[], options?: RevokeOptions): Promise<void>
}
