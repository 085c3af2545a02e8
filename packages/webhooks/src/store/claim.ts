import type { DeliveryState, WaitReason } from '../domain/index.js'
import { admit } from '../lane/index.js'
import type { SqlDatabase, SqlSession, SqlTransaction } from './database/database.js'
import { type DeliveryRow, toDelivery } from './delivery-rows.js'
import { DELIVERIES } from './delivery-statements.js'
import { loadEndpointsOf } from './endpoint-store.js'
import { inFlightAt, LockedLanes } from './lanes.js'
import type { Claim, ClaimedDelivery, ClaimRequest, StoredEndpoint } from './webhook-store.js'

/** How early a delivery may start: clocks of machines differ. */
const EARLY_MS = 50

/** The parameters of a claim request. */
interface Asked {
  readonly requests: readonly ClaimRequest[]
  readonly nowMs: number
  /** Time beyond the longest attempt; a longer one is considered lost. */
  readonly leaseMs: number
}

/** Decides, under each lane's lock, which deliveries may be attempted now; marks those, and the waiting ones. */
export async function claimDeliveries(database: SqlDatabase, asked: Asked): Promise<readonly Claim[]> {
  // A lost claim is simply made again.
  const decided = await database.transaction((session) => decide(session, asked), { isBrief: true })
  const { claims, begun } = decided
  const bodies = await decided.bodies
  const without: string[] = []
  for (const { row, endpoint, place } of begun) {
    const claimed = withBody(row, endpoint, bodies)
    if (!claimed) without.push(row.id)
    claims[place] = claimed ? { kind: 'claimed', claimed } : { kind: 'over', state: 'cancelled' }
  }
  // A removed body cannot be recovered: such a delivery ends, instead of being picked up by every sweep.
  const ends = without.map((key) => ({ key, state: 'cancelled', waits_for: null, due_at: null }))
  if (ends.length > 0) await database.query(DELIVERIES.setWaiting, [JSON.stringify(ends), asked.nowMs])
  return claims
}

interface Begun {
  readonly row: DeliveryRow
  readonly endpoint: StoredEndpoint
  readonly claimant: string
  readonly dueAtMs: number
  /** Its place among the claims. */
  readonly place: number
}

interface Decided {
  readonly claims: Claim[]
  readonly begun: readonly Begun[]
  /** On its way with the commit. */
  readonly bodies: Promise<ReadonlyMap<string, Uint8Array>>
}

/** Two trips to the server: one reads, one writes. Limited and ordered endpoints cost one more. */
async function decide(session: SqlTransaction, { requests, nowMs, leaseMs }: Asked): Promise<Decided> {
  const ids = requests.map(({ deliveryId }) => deliveryId)
  const [lanes, loaded, found] = await Promise.all([
    LockedLanes.ofDeliveries(session, ids),
    session.query<DeliveryRow>(DELIVERIES.load, [ids]),
    loadEndpointsOf(session, ids, nowMs),
  ])
  const rows = new Map(loaded.map((row) => [row.id, row]))
  const endpoints = new Map(found.map((each) => [each.id, each]))
  const limited = [...endpoints.values()]
    .filter(({ concurrency }) => concurrency !== null)
    .map(({ id }) => id)
  const [inFlight, behind] = await Promise.all([
    inFlightAt(session, limited, nowMs),
    blockedByOrder(session, loaded),
  ])

  const claims: Claim[] = []
  const begun: Begun[] = []
  const waiting: { key: string; state: DeliveryState; waits_for: WaitReason; due_at: number | null }[] = []
  const taken = new Set<string>()
  for (const { deliveryId, claimant } of requests) {
    const row = rows.get(deliveryId)
    const endpoint = row && endpoints.get(row.endpoint_id)
    const early = row && (endedOrTaken(row, claimant, nowMs) ?? (taken.has(row.id) ? busy(nowMs) : undefined))
    if (!row) claims.push({ kind: 'missing' })
    else if (early) claims.push(early)
    else if (!endpoint?.isEnabled) {
      // Deleted, or disabled while it was on its way.
      const state = endpoint?.storesWhileDisabled ? 'held' : 'cancelled'
      waiting.push({ key: row.id, state, waits_for: null, due_at: null })
      claims.push({ kind: 'over', state })
    } else {
      const count = inFlight.get(endpoint.id) ?? 0
      // A delivery taken over is already counted.
      const own = row.state === 'processing' && (row.due_at ?? 0) > nowMs ? 1 : 0
      const lane = lanes.get(endpoint.id)
      const admission = behind.has(row.id)
        ? ({ kind: 'wait', lane, reason: 'order', untilMs: null } as const)
        : admit(lane, endpoint, { nowMs, inFlight: count - own, leaseMs: leaseMs + endpoint.timeoutMs })
      if (admission.kind === 'wait') {
        const { wakeAtMs, arranged } = arrange(lane.wakeAtMs, admission.untilMs, nowMs)
        lanes.set({ ...lane, hasWaiting: true, wakeAtMs: arranged })
        waiting.push({
          key: row.id,
          state: 'pending',
          waits_for: admission.reason,
          due_at: admission.untilMs ?? nowMs,
        })
        claims.push({ kind: 'waits', reason: admission.reason, wakeAtMs, endpointId: endpoint.id })
      } else {
        lanes.set(admission.lane)
        inFlight.set(endpoint.id, count - own + 1)
        taken.add(row.id)
        begun.push({
          row,
          endpoint,
          claimant,
          dueAtMs: nowMs + endpoint.timeoutMs + leaseMs,
          place: claims.length,
        })
        claims.push(busy(nowMs))
      }
    }
  }
  if (begun.length > 0)
    session.later(DELIVERIES.begin, [
      JSON.stringify(begun.map(({ row, claimant, dueAtMs }) => ({ key: row.id, claimant, due_at: dueAtMs }))),
      nowMs,
    ])
  if (waiting.length > 0) session.later(DELIVERIES.setWaiting, [JSON.stringify(waiting), nowMs])
  lanes.save()
  const bodies = bodiesOf(
    session,
    begun.map(({ row }) => row),
  )
  // Awaited after the commit, which fails where this does.
  bodies.catch(() => {})
  return { claims, begun, bodies }
}

const busy = (untilMs: number): Claim => ({ kind: 'busy', untilMs })

/** The reason a delivery is no longer, or not yet, available to this claimant; undefined = it is available. */
function endedOrTaken(row: DeliveryRow, claimant: string, nowMs: number): Claim | undefined {
  const dueMs = row.due_at ?? 0
  switch (row.state) {
    case 'success':
    case 'exhausted':
    case 'cancelled':
    case 'held':
      return { kind: 'over', state: row.state }
    case 'processing':
      return row.claimant === claimant || dueMs <= nowMs ? undefined : busy(dueMs)
    case 'failed':
      // It belongs to the sweeper, which makes it pending when it is due.
      return { kind: 'over', state: 'failed' }
    case 'pending':
      // A delivery waiting for its lane was released, or asks again by itself; the lane decides again.
      return row.waits_for === null && dueMs > nowMs + EARLY_MS
        ? { kind: 'early', untilMs: dueMs }
        : undefined
  }
}

/** Schedules a lane check once: `wakeAtMs` is null when one is already scheduled in time. */
export function arrange(
  arrangedMs: number,
  untilMs: number | null,
  nowMs: number,
): { readonly wakeAtMs: number | null; readonly arranged: number } {
  if (untilMs === null || (arrangedMs > nowMs && arrangedMs <= untilMs))
    return { wakeAtMs: null, arranged: arrangedMs }
  return { wakeAtMs: untilMs, arranged: untilMs }
}

async function blockedByOrder(
  session: SqlSession,
  rows: readonly DeliveryRow[],
): Promise<ReadonlySet<string>> {
  const keyed = rows.filter(({ ordering_key }) => ordering_key !== null).map(({ id }) => id)
  if (keyed.length === 0) return new Set()
  const found = await session.query<{ id: string }>(DELIVERIES.blockedByOrder, [keyed])
  return new Set(found.map(({ id }) => id))
}

/** Bodies by tenant and event. */
export async function bodiesOf(
  session: SqlSession,
  rows: readonly DeliveryRow[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  if (rows.length === 0) return new Map()
  const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)]
  const found = await session.query<{ tenant: string; event_id: string; body: Uint8Array }>(
    DELIVERIES.bodies,
    [
      distinct(rows.map(({ event_day }) => event_day)),
      distinct(rows.map(({ tenant }) => tenant)),
      distinct(rows.map(({ event_id }) => event_id)),
    ],
  )
  return new Map(found.map(({ tenant, event_id, body }) => [`${tenant}\n${event_id}`, body]))
}

/** Everything an attempt needs; undefined when the body is gone. */
export function withBody(
  row: DeliveryRow,
  endpoint: StoredEndpoint,
  bodies: ReadonlyMap<string, Uint8Array>,
): ClaimedDelivery | undefined {
  const body = bodies.get(`${row.tenant}\n${row.event_id}`)
  return (
    body && {
      delivery: toDelivery(row),
      body,
      endpoint,
      number: row.attempts + 1,
      eventCreatedAtMs: row.event_at,
    }
  )
}
