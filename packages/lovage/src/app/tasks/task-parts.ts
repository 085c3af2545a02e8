import type { TaskDefinition } from './any-task.js'
import { checkTask } from './check-options.js'
import type { TaskHandlers } from './task-handlers.js'
import type { TaskOptions } from './task-options.js'

/** A task's definition, either kind, with its types erased. */
export type TaskParts = TaskOptions &
  TaskHandlers<never> &
  Pick<TaskDefinition, 'name' | 'params' | 'input' | 'run'>

const HANDLERS = new Set([
  'around',
  'beforeStart',
  'onSuccess',
  'onRetry',
  'onFailure',
  'onReplace',
  'afterReturn',
])

/** Splits a definition into its identity, its options and its handlers. */
export function sortParts(parts: TaskParts): Omit<TaskDefinition, 'options'> {
  const { name, params, input, run, ...rest } = parts
  checkTask(name, run, rest)
  const present = Object.entries(rest).filter(([, value]) => value !== undefined)
  return {
    name,
    handlers: Object.fromEntries(present.filter(([option]) => HANDLERS.has(option))),
    own: Object.fromEntries(present.filter(([option]) => !HANDLERS.has(option))),
    ...(params ? { params } : {}),
    ...(input ? { input } : {}),
    ...(run ? { run } : {}),
  }
}
