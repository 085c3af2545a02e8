import type { Call } from './call.js'
import type { TaskContext } from './context.js'
import type { Schema } from './schema.js'
import type { TaskHandlers } from './task-handlers.js'
import type { CallOptions, TaskOptions } from './task-options.js'

/** The parts of a task; written by `app.task`, `app.remote` and `app.implement`. */
export interface TaskDefinition {
  readonly name: string
  /** The options set on the task itself. */
  readonly own: TaskOptions
  /** `own` with annotations and settings filled in. */
  readonly options: TaskOptions
  readonly handlers: TaskHandlers
  readonly params?: readonly string[]
  /** Present on tasks with named arguments. */
  readonly input?: Schema
  readonly output?: Schema
  /** Whether it reads its arguments from the context, whatever they are: Celery's own tasks. */
  readonly isRaw?: boolean
  /** Absent on tasks that are implemented elsewhere. */
  readonly run?: (context: TaskContext, ...args: never[]) => unknown
}

/** Any task, for code that does not care about types. */
export interface AnyTask {
  /** The registered name. */
  readonly name: string
  /** @internal */
  readonly definition: TaskDefinition
  /** Options with annotations and settings filled in. */
  readonly options: TaskOptions
  readonly handlers: TaskHandlers
  /** A validated call, ready to be sent. @internal */
  call(args: unknown, options?: CallOptions): Call | Promise<Call>
  /**
   * Checks a message's arguments and returns those for `run`; for programs that take calls from outside, to refuse them at once. Throws a
   * TaskError (`LVG_TASK_ARGUMENTS`) that names what is wrong.
   */
  bind(
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>>,
  ): readonly unknown[] | Promise<readonly unknown[]>
  /** Runs the task's function with bound arguments. @internal */
  invoke(context: TaskContext, args: readonly unknown[]): unknown
}
