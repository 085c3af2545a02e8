import { MASK, type TaskResult } from 'lovage'
import { connectionsOf } from 'lovage/driver'
import { exactCall } from '../fleets/exact-call.js'
import type { Fleet } from '../fleets/fleet.js'
import { letterOf } from '../fleets/letter-of.js'
import type { TaskEntry } from '../history/task-entry.js'
import { ofResult } from '../ingest/found-records.js'
import { toJson } from '../values/lossless-json.js'
import { attemptsOf } from './attempts.js'
import type { Relative, TaskPage } from './tasks-page.js'
import { whyNot } from './why-not.js'

/** Final states. */
export const ENDED: ReadonlySet<string> = new Set(['SUCCESS', 'FAILURE', 'REVOKED', 'REJECTED'])
const SHOWN_RELATIVES = 100
const LONGEST_JSON = 100_000

/** The page of a task; undefined when it is in neither the history, a queue, a letter nor a result. */
export async function buildTask(fleet: Fleet, id: string): Promise<TaskPage | undefined> {
  const known = (await fleet.tried('history', () => fleet.store.find([id])))?.[0]
  const [queued, letter, result] = await Promise.all([
    // One that has ended is in no queue, and a search of them all is dear.
    known && ENDED.has(known.state) ? undefined : fleet.tried('broker', () => fleet.app.queues.peek(id)),
    letterOf(fleet, id),
    connectionsOf(fleet.app).hasResults
      ? fleet.tried('results', async () => (await (await connectionsOf(fleet.app).results()).get([id]))[0])
      : undefined,
  ])
  const task =
    (await withResult(fleet, known, result)) ?? (queued || letter ? strangerOf(fleet, id) : undefined)
  if (!task) return undefined
  const shown =
    queued?.task !== undefined && task.name === null
      ? { ...task, name: queued.task, queue: queued.queue }
      : task
  const family =
    shown.rootId === null
      ? []
      : ((await fleet.tried('history', () => fleet.store.family([shown.rootId ?? id], SHOWN_RELATIVES))) ??
        [])
  const parent = family.find((one) => one.id === shown.parentId)
  const isLost = isOnLostWorker(fleet, shown)
  const call = ENDED.has(shown.state) || isLost ? await exactCall(fleet, shown) : undefined
  return {
    task: shown,
    why: await whyNot(fleet, shown, queued, isLost),
    attempts: attemptsOf(shown, isLost),
    result: result
      ? {
          state: result.state,
          value: cut(toJson(result.result, 2)),
          traceback: result.traceback,
          dateDone: result.dateDone,
        }
      : null,
    queued: queued
      ? {
          queue: queued.queue,
          state: queued.state,
          dueMs: queued.dueMs ?? null,
          waitingSinceMs: queued.waitingSinceMs ?? null,
          args: queued.argsrepr.includes(MASK) || !queued.args ? null : cut(toJson(queued.args, 2)),
          kwargs: queued.kwargsrepr.includes(MASK) || !queued.kwargs ? null : cut(toJson(queued.kwargs, 2)),
        }
      : null,
    letter: letter ? { id: letter.id, reason: letter.reason, failedMs: letter.failedMs } : null,
    parent: parent ? relativeOf(parent) : null,
    children: family.filter((one) => one.parentId === id).map(relativeOf),
    hasWorkflow: family.length > 1 || shown.groupId !== null,
    isLost,
    actions: actionsOf(shown, queued?.state, letter !== undefined, call?.ok ?? false),
    editable: call?.ok ? { args: toJson(call.call.args, 2), kwargs: toJson(call.call.kwargs, 2) } : null,
  }
}

/** The history's record completed from the stored result, and saved. */
async function withResult(
  fleet: Fleet,
  known: TaskEntry | undefined,
  result: TaskResult | undefined,
): Promise<TaskEntry | undefined> {
  if (!result || !ENDED.has(result.state) || (known && ENDED.has(known.state))) return known
  // Its own events know more, and come first.
  fleet.intake.catchUp()
  fleet.intake.gathering.put(ofResult(result))
  const found = await fleet.tried('history', async () => {
    await fleet.intake.flush()
    return fleet.store.find([result.id])
  })
  return found?.[0] ?? known
}

export const relativeOf = ({ id, name, state }: TaskEntry): Relative => ({ id, name, state })

/** Whether a started task was running on a worker that was lost. */
export function isOnLostWorker(
  fleet: Fleet,
  { state, worker }: Pick<TaskEntry, 'state' | 'worker'>,
): boolean {
  if (ENDED.has(state) || worker === null || !['STARTED', 'PROGRESS', 'RECEIVED'].includes(state))
    return false
  const seen = fleet.workers().find(({ hostname }) => hostname === worker)
  return seen !== undefined && !seen.isAlive
}

function actionsOf(
  { state }: TaskEntry,
  queued: 'ready' | 'delayed' | 'unacked' | undefined,
  hasLetter: boolean,
  isExact: boolean,
): TaskPage['actions'] {
  const actions: TaskPage['actions'][number][] = []
  if (hasLetter) actions.push('letter.redrive')
  if (ENDED.has(state)) {
    if (isExact && !hasLetter) actions.push('task.retry')
    actions.push('task.edit-retry')
  } else {
    actions.push('task.revoke')
    if (queued === 'delayed') actions.push('queue.promote')
    if (queued !== 'ready' && queued !== 'delayed') actions.push('task.terminate', 'task.abort')
  }
  return actions
}

const cut = (text: string): string => (text.length > LONGEST_JSON ? `${text.slice(0, LONGEST_JSON)}…` : text)

/** A task that is not in the history. */
function strangerOf(fleet: Fleet, id: string): TaskEntry {
  const nothing = {
    name: null,
    worker: null,
    queue: null,
    args: null,
    kwargs: null,
    result: null,
    exception: null,
    runtime: null,
    retries: null,
    eta: null,
    expires: null,
    percent: null,
    sentMs: null,
    receivedMs: null,
    startedMs: null,
    endedMs: null,
    traceback: null,
    client: null,
    rootId: null,
    parentId: null,
    groupId: null,
  }
  const nowMs = fleet.app.clock.now()
  return {
    ...nothing,
    key: 0,
    fleet: fleet.name,
    id,
    state: 'PENDING',
    seenMs: nowMs,
    changedMs: nowMs,
    source: 'queue',
    clock: 0,
    timeline: [],
    untold: 0,
  }
}
