import { errorOf } from '../app/results/index.js'
import { inContext, type RunEnvironment, TaskContext, type TaskRegistry } from '../app/tasks/index.js'
import { newId } from '../kernel/index.js'
import { type ExceptionInfo, encodeTask, type TaskHeaders } from '../message/index.js'
import type { InlineErrback } from './follow-ups.js'

/** The failed task, as a new-style errback sees it. */
export interface FailedRequest {
  readonly id: string
  /** The task's name; null when a chord's body failed because of its members. */
  readonly task: string | null
}

/** Calls errbacks with `(request, error, traceback)`, immutable ones with their own arguments. Their errors are logged: the failure stands. */
export async function callErrbacks(
  errbacks: readonly InlineErrback[],
  tasks: TaskRegistry,
  environment: RunEnvironment,
): Promise<void> {
  await Promise.all(
    errbacks.map(async ({ signature, failedId, failedTask, exception, traceback }) => {
      const task = tasks.get(signature.task)
      if (!task) return
      const request: FailedRequest = { id: failedId, task: failedTask }
      const told = signature.immutable
        ? []
        : [request, failureOf(failedId, exception, traceback, environment), traceback]
      const args = [...told, ...signature.args]
      const headers = headersOf(signature.task, failedId)
      const info = { exchange: '', routingKey: '', queue: null, priority: null, redelivered: false }
      const context = new TaskContext(
        task,
        { headers, args, kwargs: signature.kwargs },
        { info, correlationId: null, replyTo: null },
        environment,
      )
      try {
        const bound = await task.bind(args, signature.kwargs)
        await inContext(context, () => task.invoke(context, bound))
      } catch (error) {
        environment.logger.error(
          { err: error, task_id: failedId, errback: signature.task },
          'an errback failed',
        )
      }
    }),
  )
}

const failureOf = (
  id: string,
  result: ExceptionInfo,
  traceback: string | null,
  { errors }: Pick<RunEnvironment, 'errors'>,
) => errorOf({ id, state: 'FAILURE', result, traceback, children: [], dateDone: null }, errors)

function headersOf(task: string, parentId: string): TaskHeaders {
  const id = newId()
  const message = encodeTask({ task, id, args: [], kwargs: {}, routingKey: '', parentId }, { nowMs: 0 })
  // Created by us, so they are complete.
  return message.headers as TaskHeaders
}
