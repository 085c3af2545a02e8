import type { Unsubscribe } from '../../kernel/index.js'
import { ABORTED } from '../results/index.js'
import { type Outcome, TaskAbortedError, type TaskContext } from '../tasks/index.js'

/** Runs an abortable task: its signal is aborted as soon as an abort is requested, from either language. */
export function runAbortable(
  context: TaskContext,
  work: () => Outcome | Promise<Outcome>,
): Outcome | Promise<Outcome> {
  const stop = watch(context)
  const outcome = work()
  if (outcome instanceof Promise) return outcome.finally(stop)
  stop()
  return outcome
}

function watch(context: TaskContext): Unsubscribe {
  let stop: Unsubscribe | undefined
  let isOver = false
  context
    .results()
    ?.then((backend) => {
      if (isOver) return
      stop = backend.watch([context.id], ({ state }) => {
        if (state === ABORTED && !context.signal.aborted) context.abort(new TaskAbortedError())
      })
    })
    .catch((error: unknown) =>
      context.logger.warn({ err: error }, 'cannot watch whether the task is asked to abort'),
    )
  return () => {
    isOver = true
    stop?.()
  }
}
