import type { Endpoint } from '../domain/index.js'
import { advance, type LaneChange, type LaneRules } from '../lane/index.js'
import type { SqlDatabase, SqlSession, SqlTransaction } from './database/database.js'
import { attemptRow, type LaneRow, toLane } from './delivery-rows.js'
import { DELIVERIES } from './delivery-statements.js'
import { loadEndpoints, markDisabled } from './endpoint-store.js'
import { insertEvents } from './event-store.js'
import { LockedLanes } from './lanes.js'
import { type Notice, noticeEvent } from './notice.js'
import { releaseIn } from './release.js'
import type { AttemptRecord, Released, StoredEndpoint } from './webhook-store.js'

/**
 * Records finished attempts in one transaction: the attempts, the next step of their deliveries, the effect on their endpoints, the
 * resulting notices as events, and which waiting deliveries may go now.
 */
export function recordAttempts(
  database: SqlDatabase,
  rules: LaneRules,
  records: readonly AttemptRecord[],
  nowMs: number,
): Promise<Released> {
  return database.transaction(
    async (session) =>
      (await recordSteady(session, rules, records, nowMs)) ??
      (await recordIn(database, session, rules, records, nowMs)),
  )
}

/**
 * Records successes that change nothing at their endpoints, without locking the lanes: claims do not wait for this commit. Undefined, and
 * nothing is written, when a lane has something to say. What the end of an attempt could free (a slot, an order) is not looked for, so this
 * is for unlimited endpoints.
 */
async function recordSteady(
  session: SqlTransaction,
  rules: LaneRules,
  records: readonly AttemptRecord[],
  nowMs: number,
): Promise<Released | undefined> {
  const isPlain = records.every(
    ({ attempt, next, isUnlimited, notices }) =>
      isUnlimited === true &&
      next?.state === 'success' &&
      attempt.outcome === 'success' &&
      notices.length === 0,
  )
  if (!isPlain) return undefined
  const ids = [...new Set(records.map(({ attempt }) => attempt.endpointId))]
  const lanes = (await session.query<LaneRow>(DELIVERIES.readLanes, [ids])).map(toLane)
  const isSteady = lanes.every(
    (lane) => !lane.hasWaiting && advance(lane, 'success', rules, nowMs).lane === lane,
  )
  if (!isSteady) return undefined
  session.later(DELIVERIES.insertAttempts, [
    JSON.stringify(records.map(({ attempt }) => attemptRow(attempt))),
  ])
  session.later(DELIVERIES.settle, [JSON.stringify(records.map(settledRow)), nowMs])
  return { deliveryIds: [], wakes: [], notices: [] }
}

async function recordIn(
  database: SqlDatabase,
  session: SqlTransaction,
  rules: LaneRules,
  records: readonly AttemptRecord[],
  nowMs: number,
): Promise<Released> {
  const scheduled = records.filter(({ next }) => next !== null)
  const ids = [...new Set(scheduled.map(({ attempt }) => attempt.endpointId))]
  // One trip to the server. Statements that wait for no other come before the lanes are locked.
  const [, lanes, , settled] = await Promise.all([
    session.query(DELIVERIES.insertAttempts, [
      JSON.stringify(records.map(({ attempt }) => attemptRow(attempt))),
    ]),
    LockedLanes.ofEndpoints(session, ids),
    settleReplays(session, records, nowMs),
    settle(session, scheduled, nowMs),
  ])
  const notices: Notice[] = []
  const disabled: { readonly id: string; readonly reason: 'gone' | 'failing' }[] = []
  for (const { attempt, isGone, notices: own } of scheduled) {
    // Another task has taken the delivery over and determines its state.
    if (!settled.has(attempt.deliveryId)) continue
    notices.push(...own)
    const step = advance(lanes.get(attempt.endpointId), attempt.outcome, rules, nowMs)
    lanes.set(step.lane)
    if (isGone) disabled.push({ id: attempt.endpointId, reason: 'gone' })
    else if (step.changes.includes('given-up')) disabled.push({ id: attempt.endpointId, reason: 'failing' })
    notices.push(...noticesOf(step.changes, attempt, step.lane.failingSinceMs ?? nowMs, nowMs))
  }
  const concerned = ids.filter((id) => lanes.get(id).hasWaiting || disabled.some((each) => each.id === id))
  const endpoints = new Map((await loadEndpoints(session, concerned, nowMs)).map((each) => [each.id, each]))
  notices.push(...(await disable(session, endpoints, disabled, nowMs)))
  const released = await releaseIn(session, lanes, [...endpoints.values()], nowMs)
  lanes.save()
  const told = await insertEvents(
    database,
    session,
    notices.map((notice) => noticeEvent(notice)),
    false,
  )
  return {
    ...released,
    deliveryIds: [...released.deliveryIds, ...told.flatMap(({ dueIds }) => dueIds)],
    notices,
  }
}

async function settle(
  session: SqlSession,
  records: readonly AttemptRecord[],
  nowMs: number,
): Promise<ReadonlySet<string>> {
  if (records.length === 0) return new Set()
  const settled = await session.query<{ id: string }>(DELIVERIES.settle, [
    JSON.stringify(records.map(settledRow)),
    nowMs,
  ])
  return new Set(settled.map(({ id }) => id))
}

const settledRow = ({ attempt, claimant, next }: AttemptRecord) => ({
  key: attempt.deliveryId,
  claimant,
  state: next?.state,
  due_at: next?.nextAttemptAtMs ?? null,
  outcome: attempt.outcome,
  status: attempt.status,
})

/** A successful replay completes a delivery that had been given up; any other continues unchanged. */
async function settleReplays(
  session: SqlSession,
  records: readonly AttemptRecord[],
  nowMs: number,
): Promise<void> {
  const arrived = records.filter(({ next, attempt }) => next === null && attempt.outcome === 'success')
  if (arrived.length === 0) return
  const rows = arrived.map(({ attempt: { deliveryId, outcome, status } }) => ({
    key: deliveryId,
    outcome,
    status,
  }))
  await session.query(DELIVERIES.replayed, [JSON.stringify(rows), nowMs])
}

/** Disables endpoints that are still enabled; one notice for each. */
async function disable(
  session: SqlSession,
  endpoints: Map<string, StoredEndpoint>,
  disabled: readonly { readonly id: string; readonly reason: 'gone' | 'failing' }[],
  nowMs: number,
): Promise<readonly Notice[]> {
  const notices: Notice[] = []
  for (const { id, reason } of disabled) {
    const endpoint = endpoints.get(id)
    if (!endpoint?.isEnabled) continue
    await markDisabled(session, endpoint, reason, nowMs)
    endpoints.set(id, { ...endpoint, isEnabled: false })
    notices.push({ type: 'endpoint.disabled', tenant: endpoint.tenant, endpointId: id, reason, atMs: nowMs })
  }
  return notices
}

const WARNED = { 'warned-50': 50, 'warned-70': 70, 'warned-90': 90 } as const

function noticesOf(
  changes: readonly LaneChange[],
  { tenant, endpointId }: { readonly tenant: string; readonly endpointId: Endpoint['id'] },
  failingSinceMs: number,
  atMs: number,
): readonly Notice[] {
  const of = { tenant, endpointId, atMs }
  const notices: Notice[] = []
  for (const change of changes)
    switch (change) {
      case 'opened':
        notices.push({ type: 'endpoint.circuit_opened', ...of })
        break
      case 'closed':
        notices.push({ type: 'endpoint.circuit_closed', ...of })
        break
      case 'warned-50':
      case 'warned-70':
      case 'warned-90':
        notices.push({ type: 'endpoint.failing', percent: WARNED[change], failingSinceMs, ...of })
        break
      // Already reported by `endpoint.disabled`, and by the failing messages.
      case 'given-up':
      case 'recovered':
        break
    }
  return notices
}
