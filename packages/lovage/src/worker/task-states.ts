import type { TaskContext } from '../app/tasks/index.js'
import { encodeJson } from '../message/index.js'
import type { ResultBackend } from '../result/index.js'
import { replyOf } from './reply-of.js'
import { extendedOf } from './settle-plan.js'
import type { StartedTracker } from './started-tracker.js'

/** Stores states that a task sets itself, such as PROGRESS. */
export async function storeOwnState(
  context: TaskContext,
  state: string,
  meta: unknown,
  ports: {
    readonly results: ResultBackend | undefined
    readonly started: StartedTracker | undefined
    /** The worker's name when extended results are wanted. */
    readonly extendedBy: string | undefined
  },
): Promise<void> {
  const { results, started, extendedBy } = ports
  if (!results || context.ignoreResult) return
  // The task shows more than STARTED now, which must not arrive after it.
  await started?.finished(context)
  const resultJson = encodeJson(meta, `meta of ${context.name}`)
  await results.store([
    {
      id: context.id,
      state,
      result: meta,
      resultJson,
      traceback: null,
      children: context.children,
      dateDone: null,
      ...replyOf(context),
      ...(extendedBy === undefined ? {} : { extended: extendedOf(context, extendedBy) }),
    },
  ])
}
