import { TaskError } from '../../kernel/index.js'

/** The soft limit has passed: aborts the task's signal, so that it can clean up before the hard limit ends it. */
export class SoftTimeLimitExceeded extends TaskError {
  constructor(seconds: number) {
    super(`ran longer than ${seconds} s`, { code: 'LVG_TASK_SOFT_TIME_LIMIT', details: { seconds } })
  }
}

/** The hard limit has passed: the run is over. */
export class TimeLimitExceeded extends TaskError {
  constructor(seconds: number) {
    super(`ran longer than ${seconds} s`, { code: 'LVG_TASK_TIME_LIMIT', details: { seconds } })
  }
}

/** The task was asked to abort itself (`result.abort()`, or Python's `AbortableAsyncResult`). */
export class TaskAbortedError extends TaskError {
  constructor() {
    super('aborted', { code: 'LVG_TASK_ABORTED' })
  }
}

/** The process or thread that ran the task died. */
export class WorkerLostError extends TaskError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'LVG_TASK_WORKER_LOST', cause })
  }
}

/** Python has classes for these, which its readers look up there. */
const IN_BILLIARD: ReadonlySet<string> = new Set([
  'LVG_TASK_SOFT_TIME_LIMIT',
  'LVG_TASK_TIME_LIMIT',
  'LVG_TASK_WORKER_LOST',
])

/** Python's module for an error of this engine, if Python has a class of that name. */
export function pythonModule(error: unknown): string | undefined {
  return error instanceof TaskError && IN_BILLIARD.has(error.code) ? 'billiard.exceptions' : undefined
}
