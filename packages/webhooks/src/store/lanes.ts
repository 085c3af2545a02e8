import { type Lane, newLane } from '../lane/index.js'
import type { SqlSession, SqlTransaction } from './database/database.js'
import { type LaneRow, laneRow, toLane } from './delivery-rows.js'
import { DELIVERIES } from './delivery-statements.js'

/** The lanes locked by a transaction: read, changed, and written at its end. */
export class LockedLanes {
  readonly #session: SqlTransaction
  readonly #lanes: Map<string, Lane>
  readonly #changed = new Set<string>()

  private constructor(session: SqlTransaction, lanes: Map<string, Lane>) {
    this.#session = session
    this.#lanes = lanes
  }

  /** Locks the lanes of the deliveries' endpoints. Always the first lock of a transaction, and in a fixed order. */
  static ofDeliveries(session: SqlTransaction, deliveryIds: readonly string[]): Promise<LockedLanes> {
    return LockedLanes.#lock(session, DELIVERIES.lockLanes, deliveryIds)
  }

  static ofEndpoints(session: SqlTransaction, endpointIds: readonly string[]): Promise<LockedLanes> {
    return LockedLanes.#lock(session, DELIVERIES.lockLanesOf, endpointIds)
  }

  static async #lock(
    session: SqlTransaction,
    statement: string,
    ids: readonly string[],
  ): Promise<LockedLanes> {
    const rows = await session.query<LaneRow>(statement, [ids])
    return new LockedLanes(session, new Map(rows.map((row) => [row.endpoint_id, toLane(row)])))
  }

  get ids(): readonly string[] {
    return [...this.#lanes.keys()]
  }

  get(endpointId: string): Lane {
    return this.#lanes.get(endpointId) ?? newLane(endpointId)
  }

  set(lane: Lane): void {
    if (this.#lanes.get(lane.endpointId) === lane) return
    this.#lanes.set(lane.endpointId, lane)
    this.#changed.add(lane.endpointId)
  }

  /** Writes what has changed, with the commit. */
  save(): void {
    if (this.#changed.size === 0) return
    const rows = [...this.#changed].map((id) => laneRow(this.get(id)))
    this.#session.later(DELIVERIES.saveLanes, [JSON.stringify(rows)])
  }
}

/** Attempts in flight, by endpoint. */
export async function inFlightAt(
  session: SqlSession,
  endpointIds: readonly string[],
  nowMs: number,
): Promise<Map<string, number>> {
  if (endpointIds.length === 0) return new Map()
  const rows = await session.query<{ endpoint_id: string; count: number }>(DELIVERIES.inFlight, [
    endpointIds,
    nowMs,
  ])
  return new Map(rows.map(({ endpoint_id, count }) => [endpoint_id, Number(count)]))
}
