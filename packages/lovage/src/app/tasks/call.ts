import type { Embed, TaskCall } from '../../message/index.js'
import type { CallOptions, TaskOptions } from './task-options.js'

/** One call of a task, before it has a destination. */
export interface Call {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** The caller's options. */
  readonly options: CallOptions
  /** The options of the task's definition or contract; empty for a bare name. */
  readonly defaults: TaskOptions
  /** Names of the positional parameters, where they are known. */
  readonly params?: readonly string[]
  readonly embed?: Embed
  /** Headers that only canvases set. */
  readonly wire?: Partial<Pick<TaskCall, 'stampedHeaders' | 'stamps' | 'replacedTaskNesting'>>
}
