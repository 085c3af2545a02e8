import type { Unsubscribe } from '../kernel/index.js'
import { encodeJson } from '../message/index.js'
import { READY_STATES, type ResultBackend } from '../result/index.js'
import type { TaskContext } from './context.js'
import type { Outcome } from './outcome.js'
import { TaskAbortedError } from './stop-reasons.js'

/** The state of a task that was asked to abort itself, as Celery's `contrib.abortable` has it. */
export const ABORTED = 'ABORTED'

/** Asks tasks to abort themselves; what has ended keeps its end. */
export async function abort(
  host: { results(): Promise<ResultBackend> },
  ids: readonly string[],
): Promise<void> {
  const backend = await host.results()
  const known = await backend.get(ids)
  const ended = new Set(known.filter(({ state }) => READY_STATES.has(state)).map(({ id }) => id))
  await backend.store(
    ids
      .filter((id) => !ended.has(id))
      .map((id) => ({
        id,
        state: ABORTED,
        result: null,
        resultJson: encodeJson(null),
        traceback: null,
        children: [],
        dateDone: null,
      })),
  )
}

/** Runs an abortable task: its signal is aborted as soon as somebody asks for it, in either language. */
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
      context.logger.warn({ err: error }, 'nobody hears whether the task is to be aborted'),
    )
  return () => {
    isOver = true
    stop?.()
  }
}
