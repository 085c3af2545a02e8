import type { AppCore } from '../app/core/index.js'
import { Ignore, type TaskContext } from '../app/tasks/index.js'
import { fromWire } from '../canvas/index.js'
import { encodeJson } from '../message/index.js'
import { READY_STATES, type ResultTuple, readTuple } from '../result/index.js'
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
  const backend = await app.results()
  const found = new Map<string, { readonly state: string; readonly result: unknown }>()
  for (let at = 0; at < ids.length; at += AT_ONCE)
    for (const result of await backend.get(ids.slice(at, at + AT_ONCE))) found.set(result.id, result)
  if (!ids.every((id) => READY_STATES.has(found.get(id)?.state ?? 'PENDING')))
    throw context.retry({
      countdown: Number.isFinite(interval) ? interval : 1,
      maxRetries: typeof maxRetries === 'number' ? maxRetries : null,
    })
  const { settler } = await joinSettler(app)
  const parts = ids.map((taskId, index) => ({
    taskId,
    index,
    state: found.get(taskId)?.state ?? 'FAILURE',
    result: found.get(taskId)?.result ?? null,
  }))
  // Read before anything is sent: an unreadable body fails this task, with the reason.
  fromWire(body)
  await settler.complete({ id: String(groupId), body: encodeJson(body), parts, shape, expired: false })
}

const leavesOf = ([[id], children]: ResultTuple): readonly string[] =>
  children === null ? [id] : children.flatMap(leavesOf)
