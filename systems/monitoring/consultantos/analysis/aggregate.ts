import type { Database, Sql } from 'lovage-systems-kit'
import { median, quantile } from 'simple-statistics'

const DAY_MS = 86_400_000
const BATCH = 1000

/** Sums up the snapshots of a day (UTC), one row a monitor. Run again it writes the same rows. */
export async function aggregateDay(
  db: Database,
  day: string,
): Promise<{ readonly day: string; readonly monitors: number }> {
  const from = Date.parse(`${day}T00:00:00Z`)
  const monitors = await db.query(
    'SELECT DISTINCT monitor_id FROM snapshots WHERE taken_ms >= $1 AND taken_ms < $2',
    [from, from + DAY_MS],
  )
  for (const { monitor_id } of monitors) {
    const rows = await db.query(
      'SELECT status, duration_ms, changed FROM snapshots WHERE monitor_id = $1 AND taken_ms >= $2 AND taken_ms < $3',
      [String(monitor_id), from, from + DAY_MS],
    )
    const durations = rows.map(({ duration_ms }) => Number(duration_ms))
    const failures = rows.filter(({ status }) => Number(status) < 200 || Number(status) >= 400).length
    const changes = rows.filter(({ changed }) => Number(changed) === 1).length
    await db.query(
      `INSERT INTO daily (monitor_id, day, checks, failures, changes, median_ms, p95_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (monitor_id, day) DO UPDATE SET checks = excluded.checks, failures = excluded.failures,
         changes = excluded.changes, median_ms = excluded.median_ms, p95_ms = excluded.p95_ms`,
      [
        String(monitor_id),
        day,
        rows.length,
        failures,
        changes,
        Math.round(median(durations)),
        Math.round(quantile(durations, 0.95)),
      ],
    )
  }
  return { day, monitors: monitors.length }
}

/** Removes what is older, in batches, so that nobody waits long; the newest snapshot of each monitor stays to be compared with. */
export async function removeOld(
  db: Sql,
  beforeMs: number,
  signal: AbortSignal,
): Promise<{ readonly snapshots: number; readonly alerts: number }> {
  const removed = { snapshots: 0, alerts: 0 }
  const statements = {
    snapshots: `DELETE FROM snapshots WHERE id IN (SELECT id FROM snapshots AS old WHERE taken_ms < $1 AND EXISTS
      (SELECT 1 FROM snapshots AS newer WHERE newer.monitor_id = old.monitor_id AND newer.taken_ms > old.taken_ms) LIMIT $2) RETURNING id`,
    alerts:
      'DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE created_ms < $1 AND sent_ms IS NOT NULL LIMIT $2) RETURNING id',
  }
  for (const what of ['snapshots', 'alerts'] as const) {
    for (let count = BATCH; count === BATCH; removed[what] += count) {
      signal.throwIfAborted()
      count = (await db.query(statements[what], [beforeMs, BATCH])).length
    }
  }
  return removed
}
