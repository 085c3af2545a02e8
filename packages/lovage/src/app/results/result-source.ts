import type { Clock } from '../../kernel/index.js'
import type { ResultBackend, ResultTuple } from '../../result/index.js'
import type { AnyResult } from './any-result.js'
import type { RevokeOptions } from './get-options.js'

/** Where results come from, and what can be done about the tasks that they belong to: the app, as results see it. */
export interface ResultSource {
  readonly clock: Clock
  /** @throws {ResultError} LVG_RESULT_DISABLED */
  results(): Promise<ResultBackend>
  /** The result that Celery's nested pairs name. */
  resultOf(tuple: ResultTuple): AnyResult
  /** Keeps tasks from running, or stops them. */
  revoke(ids: readonly string[], options?: RevokeOptions): Promise<void>
}
