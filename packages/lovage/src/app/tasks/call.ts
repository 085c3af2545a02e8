import type { Embed, TaskCall } from '../../message/index.js'
import type { CallOptions, TaskOptions } from './task-options.js'

/** One call of a task, before it has a destination. */
export interface Call {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** What the caller said. */
  readonly options: CallOptions
  /** What the task's definition or contract says; empty for a bare name. */
  readonly defaults: TaskOptions
  /** Names of the positional parameters, where they are known. */
  readonly params?: readonly string[]
  readonly embed?: Embed
  /** Headers that only canvases set. */
  readonly wire?: Partial<Pick<TaskCall, 'stampedHeaders' | 'stamps' | 'replacedTaskNesting'>>
}
