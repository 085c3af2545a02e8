import { budget } from '../lane/index.js'
import { arrange } from './claim.js'
import type { SqlSession } from './database/database.js'
import { DELIVERIES } from './delivery-statements.js'
import { inFlightAt, type LockedLanes } from './lanes.js'
import type { Released, StoredEndpoint } from './webhook-store.js'

/** The most deliveries released in one check. */
const MOST = 200

/** Releases waiting deliveries, as many as the lanes admit; returns when to check again. */
export async function releaseIn(
  session: SqlSession,
  lanes: LockedLanes,
  endpoints: readonly StoredEndpoint[],
  nowMs: number,
): Promise<Released> {
  const deliveryIds: string[] = []
  const wakes: { endpointId: string; atMs: number }[] = []
  const waited = endpoints.filter(({ id, isEnabled }) => isEnabled && lanes.get(id).hasWaiting)
  const inFlight = await inFlightAt(
    session,
    waited.map(({ id }) => id),
    nowMs,
  )
  for (const endpoint of waited) {
    const { id } = endpoint
    const lane = lanes.get(id)
    const { count, againAtMs } = budget(lane, endpoint, { nowMs, inFlight: inFlight.get(id) ?? 0 }, MOST)
    const statement = endpoint.order === 'key' ? DELIVERIES.waitingInOrder : DELIVERIES.waiting
    // Reads one more than may go, to see whether any are left.
    const rows = await session.query<{ id: string }>(statement, [id, count + 1])
    const going = rows.slice(0, count).map((row) => row.id)
    if (going.length > 0) await session.query(DELIVERIES.unwait, [going, nowMs])
    deliveryIds.push(...going)
    const hasWaiting = rows.length > count || (endpoint.order === 'key' && (await anyWaits(session, id)))
    const untilMs = hasWaiting && rows.length > count && againAtMs > 0 ? againAtMs : null
    const { wakeAtMs, arranged } = arrange(lane.wakeAtMs, untilMs, nowMs)
    if (wakeAtMs !== null) wakes.push({ endpointId: id, atMs: wakeAtMs })
    if (hasWaiting !== lane.hasWaiting || arranged !== lane.wakeAtMs)
      lanes.set({ ...lane, hasWaiting, wakeAtMs: arranged })
  }
  return { deliveryIds, wakes, notices: [] }
}

async function anyWaits(session: SqlSession, endpointId: string): Promise<boolean> {
  return (await session.query(DELIVERIES.waiting, [endpointId, 1])).length > 0
}
