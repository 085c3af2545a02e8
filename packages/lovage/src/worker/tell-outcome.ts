import { inContext, type Lovage, type Outcome } from '../app/index.js'
import type { Job } from './pools/pool.js'
import { stateOf } from './task-log.js'

/** Calls handlers and listeners; theirs is to look, so that a fault of theirs is logged and changes nothing. */
export function tellOutcome(
  { signals, logger }: Lovage,
  { context, task }: Job,
  outcome: Outcome,
  runtimeMs: number,
): void {
  const { onSuccess, onRetry, onFailure, afterReturn } = task.handlers
  const call = (name: string, handler: () => unknown): void => {
    const fault = (error: unknown): void =>
      logger.error({ err: error, task_id: context.id, handler: name }, 'a task handler failed')
    void inContext(context, async () => handler()).catch(fault)
  }
  switch (outcome.kind) {
    case 'success':
      if (onSuccess) call('onSuccess', () => onSuccess(context, outcome.value))
      if (signals.has('taskSuccess'))
        signals.emit('taskSuccess', { context, result: outcome.value, runtimeMs })
      break
    case 'failure':
      if (onFailure) call('onFailure', () => onFailure(context, outcome.error))
      if (signals.has('taskFailure'))
        signals.emit('taskFailure', { context, error: outcome.error, traceback: outcome.traceback })
      break
    case 'retry':
      if (onRetry) call('onRetry', () => onRetry(context, outcome.request.cause))
      if (signals.has('taskRetry'))
        signals.emit('taskRetry', { context, reason: outcome.request.cause, dueMs: outcome.dueMs })
      break
    case 'reject':
      if (signals.has('taskRejected'))
        signals.emit('taskRejected', {
          headers: context.wireHeaders,
          requeue: outcome.requeue,
          reason: outcome.message,
        })
      break
    case 'ignore':
      break
  }
  if (afterReturn) call('afterReturn', () => afterReturn(context, stateOf(outcome)))
  if (signals.has('taskPostrun'))
    signals.emit('taskPostrun', {
      context,
      state: stateOf(outcome),
      result: outcome.kind === 'success' ? outcome.value : null,
      runtimeMs,
    })
}
