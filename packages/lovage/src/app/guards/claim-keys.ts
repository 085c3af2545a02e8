import {
  type CallersTransaction,
  type CoordinationStore,
  type Mark,
  OPEN_KEY,
} from '../../coordination/index.js'
import { delay, stayAlive } from '../../kernel/index.js'
import type { AppCore } from '../core/index.js'
import type { Call, CallGuard } from '../tasks/index.js'
import { isPending, pendingValue, slotsOf, UNIQUE } from './guard-header.js'

/**
 * How long a key is kept for a call that is not known to be published. A producer that dies in between blocks others for less, the time in
 * which they wait for it; what remains covers tasks that a worker has before their producer could say so.
 */
export const PENDING_MS = 30_000
/** How long a call waits to learn what became of another one that holds its key, but is not known to be published. */
const PATIENCE_MS = 3_000
/** The same where another call is in an open transaction of the store's own database. */
const TRANSACTION_PATIENCE_MS = 1_000
const LOOK_AGAIN_MS = 20

export interface Guarded {
  readonly call: Call
  readonly id: string
  readonly key: string
  readonly guard: CallGuard
}

/**
 * The holder of a call's key: the call itself, which is sent; another call, so that this one is not; or unknown, so that it is sent without
 * the key: better twice than never.
 */
export type Claim =
  | { readonly kind: 'own'; readonly mark: Mark; readonly lastingMark: Mark }
  | { readonly kind: 'other'; readonly id: string }
  | { readonly kind: 'unknown' }

/** A mark that is wanted for a call, and its value once the call is published. */
interface Wish {
  readonly one: Guarded
  readonly key: string
  readonly value: string
}

/** Takes the keys of unique calls, each in its call's transaction where the store can do that. */
export async function claimKeys(
  core: AppCore,
  coordination: CoordinationStore,
  uniques: readonly Guarded[],
): Promise<ReadonlyMap<Guarded, Claim>> {
  const claims = new Map<Guarded, Claim>()
  for (const [within, ones] of byTransaction(core, coordination, uniques))
    await claimTogether(core, coordination, within, ones, claims)
  return claims
}

/** The store in a caller's transaction. */
type Within = Pick<CoordinationStore, 'put' | 'remove'>

/** Groups calls, or records that hold one, by the store of their transaction. */
export function byTransaction<One extends { readonly call: Call }>(
  core: AppCore,
  coordination: CoordinationStore,
  ones: readonly One[],
): ReadonlyMap<Within | undefined, readonly One[]> {
  const groups = new Map<Within | undefined, One[]>()
  for (const one of ones) {
    const within = withinOf(core, coordination, one.call)
    const group = groups.get(within) ?? []
    groups.set(within, group)
    group.push(one)
  }
  return groups
}

/** The store in a call's own transaction; undefined where there is none, or the store is not in its database. */
export function withinOf(
  { conf, brokerUrl }: Pick<AppCore, 'conf' | 'brokerUrl'>,
  coordination: CoordinationStore,
  { options: { transaction } }: Call,
): Within | undefined {
  if (!transaction || !coordination.within) return undefined
  const home = conf.coordinationUrl ?? brokerUrl
  if (home !== brokerUrl && home !== conf.outboxUrl) return undefined
  const known = stores.get(transaction) ?? coordination.within(transaction)
  stores.set(transaction, known)
  return known
}
const stores = new WeakMap<object, Within>()

async function claimTogether(
  core: AppCore,
  coordination: CoordinationStore,
  within: Within | undefined,
  ones: readonly Guarded[],
  claims: Map<Guarded, Claim>,
): Promise<void> {
  const own = new Set(ones.map(({ id }) => id))
  /** When each value whose outcome is not known yet was first seen. */
  const metMs = new Map<string, number>()
  for (let open = ones; open.length > 0; ) {
    const nowMs = core.clock.now()
    const unknown: Unknown[] = []
    for (const { one, wish, standing } of await attempt(coordination, within, open, nowMs)) {
      const holder = idIn(standing.value)
      if (holder === one.id)
        claims.set(one, { kind: 'own', mark: standing, lastingMark: lasting(wish, nowMs) })
      else if (own.has(holder) || !isPending(standing.value)) claims.set(one, { kind: 'other', id: holder })
      else unknown.push({ one, standing })
    }
    for (const [one, id] of await writtenTogether(core, unknown)) claims.set(one, { kind: 'other', id })
    const overdue = unknown.filter(({ one, standing: { key, value } }) => {
      if (claims.has(one)) return false
      const name = `${key} ${value}`
      metMs.set(name, metMs.get(name) ?? nowMs)
      const patienceMs = value === OPEN_KEY ? TRANSACTION_PATIENCE_MS : PATIENCE_MS
      return nowMs - (metMs.get(name) ?? nowMs) >= patienceMs
    })
    for (const { one, standing } of overdue)
      if (standing.value === OPEN_KEY) claims.set(one, { kind: 'unknown' })
    const dead = overdue.flatMap(({ standing }) => (standing.value === OPEN_KEY ? [] : [standing]))
    if (dead.length > 0) await coordination.remove(UNIQUE, dead)
    open = unknown.flatMap(({ one }) => (claims.has(one) ? [] : [one]))
    if (open.length > 0 && overdue.length === 0) await stayAlive(delay(core.clock, LOOK_AGAIN_MS))
  }
  // Of calls with one key that were made together, a later one was told the first one's id, which another call may have kept from the key.
  const byId = new Map(ones.map((one) => [one.id, claims.get(one)]))
  for (const one of ones) {
    const claim = claims.get(one)
    const first = claim?.kind === 'other' ? byId.get(claim.id) : undefined
    if (first?.kind === 'other') claims.set(one, first)
  }
}

interface Unknown {
  readonly one: Guarded
  readonly standing: Mark
}

/** Calls whose key is held by another one that their own transaction has written: it exists for them, whatever becomes of both. */
async function writtenTogether(
  core: AppCore,
  unknown: readonly Unknown[],
): Promise<readonly (readonly [Guarded, string])[]> {
  const broker = await core.broker()
  if (!broker.findIn) return []
  const byTransaction = new Map<CallersTransaction, Unknown[]>()
  for (const each of unknown) {
    const { transaction } = each.one.call.options
    if (!transaction || each.standing.value === OPEN_KEY) continue
    byTransaction.set(transaction, [...(byTransaction.get(transaction) ?? []), each])
  }
  const written: (readonly [Guarded, string])[] = []
  for (const [transaction, each] of byTransaction) {
    const ids = new Set(
      await broker.findIn(
        transaction,
        each.map(({ standing }) => idIn(standing.value)),
      ),
    )
    for (const { one, standing } of each)
      if (ids.has(idIn(standing.value))) written.push([one, idIn(standing.value)])
  }
  return written
}

/** Tries to put each call's mark; returns the marks that now stand under their keys, or near them. */
async function attempt(
  coordination: CoordinationStore,
  within: Within | undefined,
  ones: readonly Guarded[],
  nowMs: number,
): Promise<readonly { readonly one: Guarded; readonly wish: Wish; readonly standing: Mark }[]> {
  const wishes = ones.map((one) => wishOf(one, nowMs))
  const near = await nearMarks(coordination, wishes, nowMs, within !== undefined)
  const marks = wishes.flatMap((wish, place): readonly Mark[] => {
    if (near[place]) return []
    if (within) return [lasting(wish, nowMs)]
    const expiresMs = nowMs + Math.min(PENDING_MS, forMsOf(wish.one))
    return [{ key: wish.key, value: pendingValue(wish.value), expiresMs }]
  })
  const put = marks.length === 0 ? [] : await (within ?? coordination).put(UNIQUE, marks, { ifAbsent: true })
  const standing = put[Symbol.iterator]()
  return wishes.map((wish, place) => {
    const mark = near[place] ?? standing.next().value
    return { one: wish.one, wish, standing: mark ?? { key: wish.key, value: OPEN_KEY } }
  })
}

/**
 * The marks that cover calls already. A key that only time frees counts from the moment at which its task is due: calls for times that are
 * farther apart than its period do not meet. Its marks lie in slots of one period, each with the due time of its holder, so that only a slot
 * and its neighbours are looked at. Other keys are looked at before a transaction writes, as its own snapshot may be old.
 */
async function nearMarks(
  coordination: CoordinationStore,
  wishes: readonly Wish[],
  nowMs: number,
  isWithin: boolean,
): Promise<readonly (Mark | undefined)[]> {
  const namesOf = ({ one, key }: Wish): readonly string[] => {
    if (!isTimed(one)) return isWithin ? [key] : []
    return slotsOf(one.key, dueMs(one.call, nowMs), forMsOf(one))
  }
  const names = [...new Set(wishes.flatMap(namesOf))]
  const known = names.length === 0 ? [] : await coordination.list(UNIQUE, names)
  const standing = new Map(known.map((mark) => [mark.key, mark]))
  return wishes.map((wish) => {
    const covers = ({ value }: Mark): boolean =>
      !isTimed(wish.one) ||
      value === OPEN_KEY ||
      Math.abs(dueIn(value) - dueMs(wish.one.call, nowMs)) < forMsOf(wish.one)
    const near = namesOf(wish)
      .flatMap((name) => standing.get(name) ?? [])
      .find(covers)
    // Calls that are made together meet as well.
    if (!near && isTimed(wish.one)) standing.set(wish.key, { key: wish.key, value: wish.value })
    return near
  })
}

function wishOf(one: Guarded, nowMs: number): Wish {
  if (!isTimed(one)) return { one, key: one.key, value: one.id }
  const due = dueMs(one.call, nowMs)
  const [slot = one.key] = slotsOf(one.key, due, forMsOf(one))
  return { one, key: slot, value: `${one.id} ${due}` }
}

const lasting = ({ one, key, value }: Wish, nowMs: number): Mark => ({
  key,
  value,
  // A call that has expired is run no more, whether or not a worker has seen that.
  expiresMs: Math.min(dueMs(one.call, nowMs) + forMsOf(one), endMs(one.call, nowMs)),
})

const isTimed = ({ guard }: Guarded): boolean => guard.kind === 'unique' && guard.until === 'expiry'
const forMsOf = ({ guard }: Guarded): number => (guard.kind === 'unique' ? Math.max(1, guard.forMs) : 1)
const idIn = (value: string): string => value.split(' ', 1)[0] ?? value
const dueIn = (value: string): number => Number(value.split(' ')[1] ?? Number.NaN)

/** Unix ms from which a call may run. */
export const dueMs = ({ options: { eta, countdown = 0 } }: Call, nowMs: number): number =>
  Math.max(nowMs, eta ? eta.getTime() : nowMs + countdown * 1000)

/** Unix ms from which a call must no longer run. */
function endMs({ options, defaults }: Call, nowMs: number): number {
  const expires = options.expires ?? defaults.expires
  if (expires === undefined) return Number.POSITIVE_INFINITY
  return typeof expires === 'number' ? nowMs + expires * 1000 : expires.getTime()
}
