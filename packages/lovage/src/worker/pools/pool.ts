import type { AnyTask, Outcome, TaskContext } from '../../app/index.js'
import type { IncomingMessage, TaskMessage } from '../../message/index.js'

/** One run to be made. */
export interface Job {
  readonly task: AnyTask
  readonly context: TaskContext
  readonly message: IncomingMessage
  readonly call: TaskMessage
}

/** Where tasks run. All pools keep the same promises; they differ in what a task may do to its neighbours. */
export interface WorkerPool {
  /** As chosen by `-P`. */
  readonly kind: 'async' | 'prefork' | 'threads' | 'solo'
  /** Tasks that may run at once. */
  readonly slots: number
  /** Process ids of the children, in the order of their slots; this process's own where there are none. */
  readonly pids: readonly number[]
  start(): Promise<void>
  /** Runs a job; an outcome that needs no waiting is returned as it is. Never throws. */
  run(job: Job): Outcome | Promise<Outcome>
  resize(slots: number): Promise<void>
  /** Stops a running task; false when it does not run here. */
  terminate(taskId: string, reason: Error, signal?: NodeJS.Signals): boolean
  /** Ends the pool. Cold: running tasks are aborted; warm: the caller has waited for them. */
  stop(how: 'warm' | 'cold'): Promise<void>
}
