import type { TaskContext } from './context.js'

/** What runs around a task's runs; the listeners of one task, where signals are those of all. */
export interface TaskHandlers<Result = unknown> {
  /** Wraps every run: open a transaction, set a context, measure. Must call `next` once. */
  readonly around?: (context: TaskContext, next: () => Promise<Result>) => Promise<Result>
  readonly beforeStart?: (context: TaskContext) => void | Promise<void>
  readonly onSuccess?: (context: TaskContext, result: Result) => void | Promise<void>
  readonly onRetry?: (context: TaskContext, error: unknown) => void | Promise<void>
  readonly onFailure?: (context: TaskContext, error: unknown) => void | Promise<void>
  readonly afterReturn?: (context: TaskContext, state: string) => void | Promise<void>
}
