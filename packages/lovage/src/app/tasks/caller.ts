import type { AsyncResult, EagerResult } from '../results/index.js'
import type { AnyTask } from './any-task.js'
import type { Call } from './call.js'
import type { CanvasCaller } from './canvas/canvas-caller.js'

/** The app, as tasks and signatures see it. */
export interface Caller extends CanvasCaller {
  /** Publishes a call; resolves when the broker has it. */
  send(call: Call): Promise<AsyncResult<unknown>>
  /** Publishes calls together, or none of them if one cannot be serialised. */
  sendAll(calls: readonly Call[]): Promise<readonly AsyncResult<unknown>[]>
  /** Runs a call here and now, including retries. */
  applyEagerly(task: AnyTask, call: Call): Promise<EagerResult<unknown>>
  /** The result of an earlier call. */
  asyncResult(id: string): AsyncResult<unknown>
  /** Resolves when nothing is in flight, whether it succeeded or not. */
  drain(): Promise<void>
}
