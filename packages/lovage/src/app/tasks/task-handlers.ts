import type { TaskContext } from './context.js'
import type { Replace } from './signals.js'

/** Hooks around a task's runs; they belong to one task, whereas signals cover all tasks. */
export interface TaskHandlers<Result = unknown> {
  /** Wraps every run: open a transaction, set a context, measure. Must call `next` once. */
  readonly around?: (context: TaskContext, next: () => Promise<Result>) => Promise<Result>
  readonly beforeStart?: (context: TaskContext) => void | Promise<void>
  readonly onSuccess?: (context: TaskContext, result: Result) => void | Promise<void>
  readonly onRetry?: (context: TaskContext, error: unknown) => void | Promise<void>
  readonly onFailure?: (context: TaskContext, error: unknown) => void | Promise<void>
  /** Called when other work has taken the task's place; the work is as `ctx.replace` got it. */
  readonly onReplace?: (context: TaskContext, replacement: Replace) => void | Promise<void>
  readonly afterReturn?: (context: TaskContext, state: string) => void | Promise<void>
}
