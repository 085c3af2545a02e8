import { type DeliveryState, type DisabledReason, firstIdAt, type OutcomeKind } from '../domain/index.js'
import type { LaneRules } from '../lane/index.js'
import { bodiesOf, claimDeliveries, withBody } from './claim.js'
import type { SqlDatabase } from './database/database.js'
import { readStatements } from './database/statements.js'
import { type AttemptRow, type DeliveryRow, toAttempt, toDelivery } from './delivery-rows.js'
import { DELIVERIES } from './delivery-statements.js'
import { loadEndpoints } from './endpoint-store.js'
import { LockedLanes } from './lanes.js'
import { limitOf, listingOf } from './listing.js'
import { recordAttempts } from './record.js'
import { releaseIn } from './release.js'
import type { DeliveryStore } from './webhook-store.js'

const SQL = readStatements(new URL('./sql/lists.sql', import.meta.url), [
  'get',
  'list',
  'listOfState',
  'listOfSuccess',
  'listOfEndpoint',
  'listOfEvent',
  'attemptsOfDelivery',
  'attemptsOfEndpoint',
  'attemptsOfEvent',
  'cancel',
  'markWaiting',
  'counts',
  'circuits',
  'disabled',
])
/** Sorts after every id. */
const LAST = '~'

/** Deliveries and attempts in SQL. */
export function deliveryStore(database: SqlDatabase, rules: LaneRules): DeliveryStore {
  return {
    claim: (requests, nowMs, leaseMs) => claimDeliveries(database, { requests, nowMs, leaseMs }),
    record: (records, nowMs) => recordAttempts(database, rules, records, nowMs),

    async peek(deliveryId) {
      const [row] = await database.query<DeliveryRow>(DELIVERIES.load, [[deliveryId]])
      if (!row) return undefined
      const [endpoint] = await loadEndpoints(database, [row.endpoint_id], Date.now())
      return endpoint && withBody(row, endpoint, await bodiesOf(database, [row]))
    },

    release: (endpointId, nowMs) =>
      database.transaction(async (session) => {
        const lanes = await LockedLanes.ofEndpoints(session, [endpointId])
        const endpoints = await loadEndpoints(session, [endpointId], nowMs)
        const released = await releaseIn(session, lanes, endpoints, nowMs)
        lanes.save()
        return released
      }),

    sweep: (nowMs, staleAfterMs, limit) =>
      database.transaction(async (session) => {
        const rows = await session.query<{ id: string; state: DeliveryState }>(DELIVERIES.sweep, [
          nowMs,
          nowMs - staleAfterMs,
          limit,
        ])
        const ids = rows.map(({ id }) => id)
        if (ids.length > 0) await session.query(DELIVERIES.sweptUp, [ids, nowMs])
        const idsOf = (isFailed: boolean) =>
          rows.filter(({ state }) => (state === 'failed') === isFailed).map(({ id }) => id)
        return { due: idsOf(true), stale: idsOf(false) }
      }),

    async get(tenant, id) {
      const [row] = await database.query<DeliveryRow>(SQL.get, [tenant, id])
      return row && toDelivery(row)
    },

    async list({ tenant, endpointId, eventId, states, sinceMs, untilMs, limit, after }) {
      const most = limitOf(limit)
      const until = untilMs === undefined ? LAST : firstIdAt('dlv', untilMs)
      const before = after !== undefined && after < until ? after : until
      const values = [
        tenant,
        before,
        sinceMs === undefined ? '' : firstIdAt('dlv', sinceMs),
        most + 1,
      ] as const
      // One state at a time: each query is an index scan, independent of the others.
      const read = async (state: DeliveryState | ''): Promise<readonly DeliveryRow[]> => {
        if (eventId !== undefined) return database.query(SQL.listOfEvent, [...values, eventId, state])
        if (endpointId !== undefined)
          return database.query(SQL.listOfEndpoint, [...values, endpointId, state])
        if (state === '') return database.query(SQL.list, values)
        return database.query(state === 'success' ? SQL.listOfSuccess : SQL.listOfState, [...values, state])
      }
      const rows: DeliveryRow[] = []
      for (const state of states ?? ['' as const]) rows.push(...(await read(state)))
      const isBoth = eventId !== undefined && endpointId !== undefined
      const wanted = isBoth ? rows.filter((row) => row.endpoint_id === endpointId) : rows
      wanted.sort((a, b) => (a.id < b.id ? 1 : -1))
      return listingOf(wanted.map(toDelivery), most, ({ id }) => id)
    },

    async attempts({ tenant, deliveryId, eventId, endpointId, outcomes, trigger, limit, after = LAST }) {
      const most = limitOf(limit)
      const [statement, of] =
        deliveryId !== undefined
          ? [SQL.attemptsOfDelivery, deliveryId]
          : eventId !== undefined
            ? [SQL.attemptsOfEvent, eventId]
            : [SQL.attemptsOfEndpoint, endpointId ?? '']
      const rows: AttemptRow[] = []
      const kinds: readonly (OutcomeKind | '')[] = outcomes ?? ['']
      for (const outcome of kinds)
        rows.push(...(await database.query<AttemptRow>(statement, [tenant, after, most + 1, of, outcome])))
      const wanted = trigger === undefined ? rows : rows.filter((row) => row.trigger === trigger)
      wanted.sort((a, b) => (a.id < b.id ? 1 : -1))
      return listingOf(wanted.map(toAttempt), most, ({ id }) => id)
    },

    async cancel(tenant, id, nowMs) {
      const [row] = await database.query<{ endpoint_id: string }>(SQL.cancel, [tenant, id, nowMs])
      // Deliveries behind it in order may go now: the next lane check sees them.
      if (row) await database.query(SQL.markWaiting, [row.endpoint_id])
      return row !== undefined
    },

    async counts(nowMs) {
      const rows = await database.query<{ state: DeliveryState; count: number; oldest_at: number | null }>(
        SQL.counts,
      )
      const circuits = await database.query<{ state: 'open' | 'probing'; count: number }>(SQL.circuits)
      const disabled = await database.query<{ reason: DisabledReason; count: number }>(SQL.disabled)
      const oldest = rows.find(({ state }) => state === 'pending')?.oldest_at ?? null
      return {
        byState: Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)])),
        oldestPendingMs: oldest === null ? null : Math.max(0, nowMs - oldest),
        circuits: {
          open: 0,
          probing: 0,
          ...Object.fromEntries(circuits.map(({ state, count }) => [state, Number(count)])),
        },
        disabled: {
          manual: 0,
          gone: 0,
          failing: 0,
          ...Object.fromEntries(disabled.map(({ reason, count }) => [reason, Number(count)])),
        },
      }
    },
  }
}
