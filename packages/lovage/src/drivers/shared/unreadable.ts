import { messageOf, ResultError } from '../../kernel/index.js'
import type { ExceptionInfo, TaskResult } from '../../result/index.js'

/** Stands for a record that exists and cannot be read. */
export function unreadableResult(id: string, cause: unknown): TaskResult {
  const unreadable = new ResultError(`The stored result of task ${id} cannot be read: ${messageOf(cause)}`, {
    code: 'LVG_RESULT_UNREADABLE',
    details: { id },
    cause,
  })
  const result: ExceptionInfo = {
    exc_type: 'ResultError',
    exc_message: [unreadable.message],
    exc_module: null,
  }
  return { id, state: 'FAILURE', result, traceback: null, children: [], dateDone: null, unreadable }
}
