import type { CoordinationStore } from '../../coordination/index.js'
import { crashPoint, newTaskId } from '../../kernel/index.js'
import type { AppCore } from '../core/index.js'
import { AsyncResult } from '../results/index.js'
import { type Call, type CallGuard, callGuardOf } from '../tasks/index.js'
import {
  byTransaction,
  type Claim,
  claimKeys,
  dueMs,
  type Guarded,
  PENDING_MS,
  withinOf,
} from './claim-keys.js'
import {
  GUARD_HEADER,
  isPending,
  LATEST,
  LATEST_KEPT_MS,
  stampOf,
  UNIQUE,
  writeGuard,
} from './guard-header.js'
import { guardKey } from './guard-key.js'
import { putLatest } from './put-latest.js'

/** Sends calls unguarded. */
interface Publishing {
  sendAll(calls: readonly Call[]): Promise<readonly AsyncResult<unknown>[]>
}

/** The guard of a call; operators' annotations count where the task is known. */
export function guardOf(core: Pick<AppCore, 'known'>, { task, defaults }: Call): CallGuard | undefined {
  return callGuardOf(core.known(task)?.options ?? defaults)
}

/** Sends one call, subject to its guard. */
export async function sendGuarded(
  core: AppCore,
  publisher: Publishing,
  call: Call,
): Promise<AsyncResult<unknown>> {
  const taskId = call.options.taskId ?? newTaskId()
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
    const key = guardKey(call.task, call, guard.key, core.known(call.task)?.definition)
    return { call, guard, key, id: call.options.taskId ?? newTaskId() }
  })
  const uniques = guarded.flatMap((one) => (one?.guard.kind === 'unique' ? [one] : []))
  // A key is not held while the broker is connected to: others wait for a key's call no longer than one takes to be published.
  const [coordination] = await Promise.all([core.coordination(), core.broker()])
  const claims = await claimKeys(core, coordination, uniques)
  const firstStamp = nextStamp(core, calls.length)
  const sent: { readonly place: number; readonly call: Call }[] = []
  const results: (AsyncResult<unknown> | undefined)[] = calls.map((call, place) => {
    const one = guarded[place]
    const claim = one && claims.get(one)
    if (claim?.kind === 'other') return new AsyncResult<unknown>(claim.id, core)
    sent.push({ place, call: one ? marked(one, firstStamp + place) : call })
    return undefined
  })
  const owned = uniques.flatMap((one): readonly Owned[] => {
    const claim = claims.get(one)
    return claim?.kind === 'own' ? [{ ...claim, call: one.call }] : []
  })
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

type Owned = Extract<Claim, { kind: 'own' }> & { readonly call: Call }

/**
 * Holds the keys of published calls for their time. A key that its task has released meanwhile stays free. Keys of calls in a transaction
 * either lie in it, or wait for what becomes of it (`confirmRelayed`).
 */
async function keepKeys(
  { logger }: AppCore,
  coordination: CoordinationStore,
  owned: readonly Owned[],
): Promise<void> {
  const replacements = owned.flatMap(({ call, mark, lastingMark }) =>
    call.options.transaction ? [] : [{ was: mark.value, mark: lastingMark }],
  )
  if (replacements.length === 0) return
  try {
    await coordination.replace(UNIQUE, replacements)
  } catch (error) {
    // The task is sent: failing the caller would make it send another one.
    logger.warn({ err: error }, 'cannot keep the keys of unique tasks; duplicates may be sent')
  }
}

/** Gives back the keys of calls that are not sent; that of an earlier call under the same id stays. */
async function giveBack(
  core: AppCore,
  coordination: CoordinationStore,
  owned: readonly Owned[],
): Promise<void> {
  for (const [within, ones] of byTransaction(core, coordination, owned)) {
    const marks = ones.flatMap(({ mark }) => (within || isPending(mark.value) ? [mark] : []))
    if (marks.length === 0) continue
    await (within ?? coordination).remove(UNIQUE, marks).catch((error: unknown) => {
      // A transaction that takes no more statements keeps nothing.
      if (within) return
      core.logger.warn(
        { err: error },
        `cannot release the keys of unique tasks; they expire in ${PENDING_MS} ms`,
      )
    })
  }
}

/**
 * Done only once the message is published: a producer that dies earlier leaves the previous call in force. In a transaction the mark is part of
 * it, or is made when the call has been relayed or comes to a worker.
 */
async function markLatest(
  core: AppCore,
  coordination: CoordinationStore,
  { key, id, call, guard }: Guarded,
  stamp: number,
): Promise<void> {
  const delayMs = guard.kind === 'latest' ? guard.delayMs : 0
  const expiresMs = dueMs(call, core.clock.now()) + delayMs + LATEST_KEPT_MS
  const mark = { key, value: `${stamp} ${id}`, expiresMs }
  const within = withinOf(core, coordination, call)
  if (call.options.transaction && !within) return
  if (within) {
    const [standing] = await coordination.list(LATEST, [key])
    if (!standing || stampOf(standing.value) < stamp) await within.put(LATEST, [mark])
    return
  }
  try {
    await putLatest(core.clock, coordination, mark, stamp)
  } catch (error) {
    core.logger.warn(
      { err: error, task_id: id },
      'cannot mark the latest call of a task; earlier calls run as well',
    )
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

const stamps = new WeakMap<AppCore, number>()

/** Strictly increasing microseconds, so that calls within one millisecond are ordered. */
function nextStamp(core: AppCore, count: number): number {
  const stamp = Math.max(Math.round(core.clock.now() * 1000), stamps.get(core) ?? 0)
  stamps.set(core, stamp + count)
  return stamp
}
