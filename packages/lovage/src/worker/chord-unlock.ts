import type { AppCore } from '../app/core/index.js'
import { Ignore, type TaskContext } from '../app/tasks/index.js'
import { fromWire } from '../canvas/index.js'
import { encodeJson } from '../message/index.js'
import { leavesOf, READY_STATES, readTuple } from '../result/index.js'
import { joinSettler } from './join-settler.js'

/** Number of members whose results are queried at once. */
const AT_ONCE = 1000

/**
 * Celery's way to join where members are not counted: checks whether all have ended, and retries while they have not.
 * Its arguments are the group's id, the body, the seconds between two checks, the maximum number of checks, and the members.
 */
export async function unlockChord(app: AppCore, context: TaskContext): Promise<void> {
  const { args, kwargs } = context
  const [groupId, body] = args
  const interval = Number(kwargs.interval ?? args[2] ?? app.conf.resultChordRetryInterval)
  const maxRetries = kwargs.max_retries ?? args[3] ?? null
  const shape = readTuple([[String(groupId), null], kwargs.result ?? args[4]])
  if (!shape) throw new Ignore('celery.chord_unlock without a list of results')
  const ids = leavesOf(shape)
  // Read before anything is sent: an unreadable body fails this task, with the reason.
  fromWire(body)
  const found = await endedOf(app, ids)
  const parts = ids.flatMap((taskId, index) => {
    const ended = found.get(taskId)
    return ended ? [{ taskId, index, ...ended }] : []
  })
  const isComplete = parts.length === ids.length
  if (!isComplete && (typeof maxRetries !== 'number' || context.retries < maxRetries))
    throw context.retry({ countdown: Number.isFinite(interval) ? interval : 1, maxRetries: null })
  // Checks have come to their end: the body fails, as in Celery since 5.7, instead of being waited for.
  const { settler } = await joinSettler(app)
  const join = { id: String(groupId), body: encodeJson(body), parts, shape }
  await settler.complete({ ...join, expired: !isComplete })
}

/** States and values of those members that have ended; none while results cannot be read, which a later check may mend. */
async function endedOf(
  app: AppCore,
  ids: readonly string[],
): Promise<ReadonlyMap<string, { readonly state: string; readonly result: unknown }>> {
  const found = new Map<string, { readonly state: string; readonly result: unknown }>()
  try {
    const backend = await app.results()
    for (let at = 0; at < ids.length; at += AT_ONCE)
      for (const { id, state, result } of await backend.get(ids.slice(at, at + AT_ONCE)))
        if (READY_STATES.has(state)) found.set(id, { state, result })
  } catch (error) {
    app.logger.warn({ err: error }, 'cannot read the results of a chord’s members; they are read again later')
  }
  return found
}
