import { CapabilityError } from '../../kernel/index.js'
import { encodeJson } from '../../message/index.js'
import { READY_STATES, type ResultBackend } from '../../result/index.js'

/** The state of a task that was asked to abort itself, as in Celery's `contrib.abortable`. */
export const ABORTED = 'ABORTED'

/**
 * Asks tasks to abort themselves; tasks that have ended keep their state.
 * @throws {CapabilityError} LVG_CAPABILITY_MISSING where results are not stored.
 */
export async function abort(
  host: { results(): Promise<ResultBackend> },
  ids: readonly string[],
): Promise<void> {
  const backend = await host.results()
  if (backend.expectReplies)
    throw new CapabilityError(`The result backend ${backend.kind} cannot ask a task to abort itself.`, {
      code: 'LVG_CAPABILITY_MISSING',
      hint: 'Tasks look for this request where results are stored: set resultBackend, or revoke the task.',
    })
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
