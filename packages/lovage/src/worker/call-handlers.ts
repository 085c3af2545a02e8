import { inContext, type Outcome, Replace } from '../app/tasks/index.js'
import type { Logger } from '../kernel/index.js'
import type { Job } from './pools/job.js'
import { stateOf } from './task-log.js'

/**
 * Calls a task's own handlers, in the process that ran it. They only observe: their errors are logged and change nothing.
 * Resolves when all have ended; undefined when there is nothing to wait for.
 */
export function callHandlers(
  { context, task }: Job,
  outcome: Outcome,
  logger: Logger,
): Promise<unknown> | undefined {
  const { onSuccess, onRetry, onFailure, onReplace, afterReturn } = task.handlers
  if (!onSuccess && !onRetry && !onFailure && !onReplace && !afterReturn) return undefined
  const calls: Promise<unknown>[] = []
  const call = (name: string, handler: () => unknown): void => {
    const fault = (error: unknown): void =>
      logger.error({ err: error, task_id: context.id, handler: name }, 'a task handler failed')
    calls.push(inContext(context, async () => handler()).catch(fault))
  }
  if (outcome.kind === 'success' && onSuccess) call('onSuccess', () => onSuccess(context, outcome.value))
  if (outcome.kind === 'failure' && onFailure) call('onFailure', () => onFailure(context, outcome.error))
  if (outcome.kind === 'retry' && onRetry) call('onRetry', () => onRetry(context, outcome.request.cause))
  if (outcome.kind === 'replace' && onReplace)
    call('onReplace', () => onReplace(context, new Replace(outcome.canvas)))
  if (outcome.kind !== 'lost' && afterReturn)
    call('afterReturn', () => afterReturn(context, stateOf(outcome)))
  return calls.length > 0 ? Promise.all(calls) : undefined
}
