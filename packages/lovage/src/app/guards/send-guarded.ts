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
  const claims = await claimKeys(core, coordination, uniques)
  const firstStamp = nextStamp(core, calls.length)
  const sent: { readonly place: number; readonly call: Call }[] = []
  const results: (AsyncResult<unknown> | undefined)[] = calls.map((call, place) => {
    const one = guarded[place]
    const claim = one && claims.get(one)
    if (one && claim && claim.holder !== one.id) return new AsyncResult<unknown>(claim.holder, core)
    sent.push({ place, call: one ? marked(one, firstStamp + place) : call })
    return undefined
  })
  const owned = uniques.flatMap((one): readonly Owned[] => {
    const claim = claims.get(one)
    return claim?.holder === one.id ? [{ ...one, mark: claim.mark }] : []
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

/** The key of a call in the store, and the id of the task that holds it: its own, or an earlier one's. */
interface Claim {
  readonly holder: string
  readonly mark: { readonly key: string; readonly value: string }
}

interface Owned extends Guarded {
  readonly mark: Claim['mark']
}

async function claimKeys(
  core: AppCore,
  coordination: CoordinationStore,
  uniques: readonly Guarded[],
): Promise<ReadonlyMap<Guarded, Claim>> {
  if (uniques.length === 0) return new Map()
  const nowMs = core.clock.now()
  const claims = new Map<Guarded, Claim>()
  const wanted = await wishesFor(coordination, uniques, nowMs, claims)
  const marks = wanted.map(({ one, mark }) => ({
    ...mark,
    expiresMs: nowMs + Math.min(PENDING_MS, forMsOf(one)),
  }))
  const standing = marks.length === 0 ? [] : await coordination.put(UNIQUE, marks, { ifAbsent: true })
  wanted.forEach(({ one, mark }, place) => {
    claims.set(one, { holder: idIn(standing[place]?.value ?? mark.value), mark })
  })
  return claims
}

/**
 * The marks to be put for calls, without those that an earlier call covers already (set in `claims`). A key that only time frees counts from
 * the moment at which its task is due: calls for times that are farther apart than its period do not meet. Its marks lie in slots of one period,
 * each with the due time of its holder, so that only a slot and its neighbours are looked at.
 */
async function wishesFor(
  coordination: CoordinationStore,
  uniques: readonly Guarded[],
  nowMs: number,
  claims: Map<Guarded, Claim>,
): Promise<readonly { readonly one: Guarded; readonly mark: Claim['mark'] }[]> {
  const timed = uniques.filter(isTimed)
  const slotsOf = (one: Guarded): readonly string[] => {
    const slot = Math.floor(dueMs(one.call, nowMs) / forMsOf(one))
    return [slot, slot - 1, slot + 1].map((number) => `${one.key}@${number}`)
  }
  const names = [...new Set(timed.flatMap(slotsOf))]
  const known = names.length === 0 ? [] : await coordination.list(UNIQUE, names)
  const values = new Map(known.map(({ key, value }) => [key, value]))
  const wishes: { readonly one: Guarded; readonly mark: Claim['mark'] }[] = []
  for (const one of uniques) {
    if (!isTimed(one)) {
      wishes.push({ one, mark: { key: one.key, value: one.id } })
      continue
    }
    const due = dueMs(one.call, nowMs)
    const slots = slotsOf(one)
    const [own = ''] = slots
    const near = slots
      .flatMap((name) => values.get(name) ?? [])
      .find((value) => Math.abs(dueIn(value) - due) < forMsOf(one))
    const mark = { key: own, value: `${one.id} ${due}` }
    if (near !== undefined) claims.set(one, { holder: idIn(near), mark })
    else {
      values.set(own, mark.value)
      wishes.push({ one, mark })
    }
  }
  return wishes
}

const isTimed = ({ guard }: Guarded): boolean => guard.kind === 'unique' && guard.until === 'expiry'
const forMsOf = ({ guard }: Guarded): number => (guard.kind === 'unique' ? Math.max(1, guard.forMs) : 1)
const idIn = (value: string): string => value.split(' ', 1)[0] ?? value
const dueIn = (value: string): number => Number(value.split(' ')[1] ?? Number.NaN)

/** Holds the keys of published calls for their time. A key that its task has released meanwhile stays free. */
async function keepKeys(
  { clock, logger }: AppCore,
  coordination: CoordinationStore,
  owned: readonly Owned[],
): Promise<void> {
  const nowMs = clock.now()
  const lasting = owned.filter(({ call }) => !call.options.transaction)
  if (lasting.length === 0) return
  const replacements = lasting.map((one) => ({
    was: one.mark.value,
    mark: { ...one.mark, expiresMs: dueMs(one.call, nowMs) + forMsOf(one) },
  }))
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
  owned: readonly Owned[],
): Promise<void> {
  if (owned.length === 0) return
  const marks = owned.map(({ mark }) => mark)
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
