import type { AnyTask, TaskContext } from '../../app/tasks/index.js'
import type { IncomingMessage, TaskMessage } from '../../message/index.js'

/** One run to be made. */
export interface Job {
  readonly task: AnyTask
  readonly context: TaskContext
  readonly message: IncomingMessage
  readonly call: TaskMessage
}
