import type { Sql } from 'lovage-systems-kit'
import { Unfit } from '../pages/fetch-page.js'
import { type Monitor, monitorOf } from '../pages/monitor.js'

/** What people should know of a page. */
export interface Finding {
  readonly kind: 'down' | 'up' | 'changed' | 'anomaly'
  readonly message: string
}

/** A finding that people are told. */
export interface Alert extends Finding {
  readonly id: string
  readonly monitor_id: string
  readonly created_ms: number
}

/** Keeps an alert; again under its id, nothing. */
export async function raiseAlert(
  db: Sql,
  { id, monitor_id, kind, message }: Omit<Alert, 'created_ms'>,
  nowMs: number,
): Promise<void> {
  await db.query(
    'INSERT INTO alerts (id, monitor_id, kind, message, created_ms) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING',
    [id, monitor_id, kind, message, nowMs],
  )
}

/** @throws {Unfit} when there is none. */
export async function alertOf(
  db: Sql,
  id: string,
): Promise<{ readonly alert: Alert; readonly monitor: Monitor }> {
  const [row] = await db.query('SELECT monitor_id, kind, message, created_ms FROM alerts WHERE id = $1', [id])
  if (!row) throw new Unfit(`There is no alert ${id}.`)
  const alert: Alert = {
    id,
    monitor_id: String(row.monitor_id),
    // Written by raiseAlert.
    kind: String(row.kind) as Alert['kind'],
    message: String(row.message),
    created_ms: Number(row.created_ms),
  }
  return { alert, monitor: await monitorOf(alert.monitor_id) }
}
