import type { Lovage } from '../app/index.js'
import type { Outcome } from '../app/tasks/index.js'
import type { Job } from './pools/job.js'
import { stateOf } from './task-log.js'

/** Tells those who listen to the worker how a run ended. */
export function tellOutcome(
  { signals }: Lovage,
  { context }: Job,
  outcome: Outcome,
  runtimeMs: number,
): void {
  switch (outcome.kind) {
    case 'success':
      if (signals.has('taskSuccess'))
        signals.emit('taskSuccess', { context, result: outcome.value, runtimeMs })
      break
    case 'failure':
      if (signals.has('taskFailure'))
        signals.emit('taskFailure', { context, error: outcome.error, traceback: outcome.traceback })
      break
    case 'retry':
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
    case 'lost':
      signals.emit('taskInternalError', { headers: context.wireHeaders, error: outcome.error })
      return
    case 'ignore':
      break
  }
  if (signals.has('taskPostrun'))
    signals.emit('taskPostrun', {
      context,
      state: stateOf(outcome),
      result: outcome.kind === 'success' ? outcome.value : null,
      runtimeMs,
    })
}
