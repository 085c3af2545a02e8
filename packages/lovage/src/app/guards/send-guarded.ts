import type { CoordinationStore } from '../../coordination/index.js'
import { crashPoint, newId } from '../../kernel/index.js'
import type { AppCore } from '../core/index.js'
import { AsyncResult } from '../results/index.js'
import { type Call, type CallGuard, callGuardOf } from '../tasks/index.js'
import { GUARD_HEADER, LATEST, LATEST_KEPT_MS, stampOf, UNIQUE, writeGuard } from './guard-header.js'
import { guardKey } from './guard-key.js'

/**
 * How long a key is held for a call that is not known to be published: a producer that dies in between blocks it no longer than this.
 * Also applies to calls in a transaction, which may be rolled back, until a worker has them.
 */
const PENDING_MS = 30_000

/** Sends calls unguarded. */
interface Publishing {
  sendAll(calls: readonly Call[]): Promise<readonly AsyncResult<unknown>[]>
}

interface Guarded {
  readonly call: Call
  readonly id: string
  readonly key: string
  readonly guard: CallGuard
}

/** The guard of a call; operators' annotations count where the task is known. */
export function guardOf({ tasks }: Pick<AppCore, 'tasks'>, { task, defaults }: Call): CallGuard | undefined {
  return callGuardOf(tasks.get(task)?.options ?? defaults)
}

/** Sends one call, subject to its guard. */
export async function sendGuarded(
  core: AppCore,
  publisher: Publishing,
  call: Call,
): Promise<AsyncResult<unknown>> {
  const taskId = call.options.taskId ?? newId()
  const [result] = await sendAllGuarded(core, publisher, [{ ...call, options: { ...call.options, taskId } }])
  return result ?? new AsyncResult<unknown>(taskId, core)
}

/** Sends calls together, each subject to its task's guard, if there is one. */
export async function sendAllGuarded(
  core: AppCore,
  publisher: Publishing,
  calls: readonly Call[],
): Promise<readonly AsyncResult<unknown>[]> {
  if (!calls.some((call) => guardOf(core, call))) return publisher.sendAll(calls)
  const guarded = calls.map((call): Guarded | undefined => {
    const guard = guardOf(core, call)
    if (!guard) return undefined
    const key = guardKey(call.task, call, guard.key, core.tasks.get(call.task)?.definition)
    return { call, guard, key, id: call.options.taskId ?? newId() }
  })
  const uniques = guarded.flatMap((one) => (one?.guard.kind === 'unique' ? [one] : []))
  const coordination = await core.coordination()
  const holders = await claimKeys(core, coordination, uniques)
  const firstStamp = nextStamp(core, calls.length)
  const sent: { readonly place: number; readonly call: Call }[] = []
  const results: (AsyncResult<unknown> | undefined)[] = calls.map((call, place) => {
    const one = guarded[place]
    const holder = one && holders.get(one)
    if (one && holder !== undefined && holder !== one.id) return new AsyncResult<unknown>(holder, core)
    sent.push({ place, call: one ? marked(one, firstStamp + place) : call })
    return undefined
  })
  const owned = uniques.filter((one) => holders.get(one) === one.id)
  crashPoint('guard:before-publish')
  try {
    const published = await publisher.sendAll(sent.map(({ call }) => call))
    sent.forEach(({ place }, at) => {
      results[place] = published[at]
    })
  } catch (error) {
    await giveBack(core, coordination, owned)
    throw error
  }
  crashPoint('guard:after-publish')
  await keepKeys(core, coordination, owned)
  for (const [place, one] of guarded.entries())
    if (one?.guard.kind === 'latest') await markLatest(core, coordination, one, firstStamp + place)
  return results.flatMap((result) => result ?? [])
}

/** For each call, the id of the task that holds its key: its own, or an earlier one's. */
async function claimKeys(
  { clock }: AppCore,
  coordination: CoordinationStore,
  uniques: readonly Guarded[],
): Promise<ReadonlyMap<Guarded, string>> {
  if (uniques.length === 0) return new Map()
  const nowMs = clock.now()
  const marks = uniques.map(({ key, id, guard }) => ({
    key,
    value: id,
    expiresMs: nowMs + Math.min(PENDING_MS, guard.kind === 'unique' ? guard.forMs : 0),
  }))
  const standing = await coordination.put(UNIQUE, marks, { ifAbsent: true })
  return new Map(uniques.map((one, place) => [one, standing[place]?.value ?? one.id]))
}

/** Holds the keys of published calls for their time. A key that its task has released meanwhile stays free. */
async function keepKeys(
  { clock, logger }: AppCore,
  coordination: CoordinationStore,
  owned: readonly Guarded[],
): Promise<void> {
  const nowMs = clock.now()
  const lasting = owned.filter(({ call }) => !call.options.transaction)
  if (lasting.length === 0) return
  const replacements = lasting.map(({ call, guard, key, id }) => {
    const forMs = guard.kind === 'unique' ? guard.forMs : 0
    return { was: id, mark: { key, value: id, expiresMs: dueMs(call, nowMs) + forMs } }
  })
  try {
    await coordination.replace(UNIQUE, replacements)
  } catch (error) {
    // The task is sent: failing the caller would make it send another one.
    logger.warn({ err: error }, 'cannot hold the keys of unique tasks; others like them may be sent')
  }
}

async function giveBack(
  { logger }: AppCore,
  coordination: CoordinationStore,
  owned: readonly Guarded[],
): Promise<void> {
  if (owned.length === 0) return
  const marks = owned.map(({ key, id }) => ({ key, value: id }))
  await coordination
    .remove(UNIQUE, marks)
    .catch((error: unknown) =>
      logger.warn({ err: error }, `cannot give back the keys of unique tasks; they end in ${PENDING_MS} ms`),
    )
}

/** Done only once the message is published: a producer that dies earlier leaves the previous call in force. */
async function markLatest(
  { clock, logger }: AppCore,
  coordination: CoordinationStore,
  { key, id, call, guard }: Guarded,
  stamp: number,
): Promise<void> {
  const delayMs = guard.kind === 'latest' ? guard.delayMs : 0
  const expiresMs = dueMs(call, clock.now()) + delayMs + LATEST_KEPT_MS
  const mark = { key, value: `${stamp} ${id}`, expiresMs }
  try {
    for (;;) {
      const [standing] = await coordination.put(LATEST, [mark], { ifAbsent: true })
      if (!standing || standing.value === mark.value || stampOf(standing.value) > stamp) return
      const [isReplaced] = await coordination.replace(LATEST, [{ was: standing.value, mark }])
      if (isReplaced) return
    }
  } catch (error) {
    logger.warn({ err: error, task_id: id }, 'cannot mark the latest call of a task; earlier ones run too')
  }
}

function marked({ call, guard, key, id }: Guarded, stamp: number): Call {
  const header =
    guard.kind === 'unique'
      ? writeGuard({ kind: 'unique', until: guard.until, forMs: guard.forMs, key })
      : writeGuard({ kind: 'latest', stamp, key })
  const { options } = call
  const isDelayed = guard.kind === 'latest' && guard.delayMs > 0 && !options.eta
  return {
    ...call,
    options: {
      ...options,
      taskId: id,
      headers: { ...options.headers, [GUARD_HEADER]: header },
      ...(isDelayed ? { countdown: (options.countdown ?? 0) + guard.delayMs / 1000 } : {}),
    },
  }
}

const dueMs = ({ options: { eta, countdown = 0 } }: Call, nowMs: number): number =>
  Math.max(nowMs, eta ? eta.getTime() : nowMs + countdown * 1000)

const stamps = new WeakMap<AppCore, number>()

/** Strictly increasing microseconds, so that calls within one millisecond are ordered. */
function nextStamp(core: AppCore, count: number): number {
  const stamp = Math.max(Math.round(core.clock.now() * 1000), stamps.get(core) ?? 0)
  stamps.set(core, stamp + count)
  return stamp
}
