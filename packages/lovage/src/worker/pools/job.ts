import type { AnyTask, TaskContext } from '../../app/tasks/index.js'
import type { IncomingMessage, TaskMessage } from '../../message/index.js'

/** One run to execute. */
export interface Job {
  readonly task: AnyTask
  readonly context: TaskContext
  readonly message: IncomingMessage
  readonly call: TaskMessage
}
