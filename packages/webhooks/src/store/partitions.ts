import type { SqlSession } from './database/database.js'

const PARENTS = ['lovage_webhook_bodies', 'lovage_webhook_attempts'] as const
/** The number of days created ahead; after longer downtime, a fleet writes into the default partition. */
const AHEAD = 14

/** Creates the partitions of a day and the days after it. A day with rows already in the default partition stays there. */
export async function makeDays(session: SqlSession, today: number): Promise<void> {
  const there = new Set(await partitionNames(session))
  for (let day = today - 1; day <= today + AHEAD; day++)
    for (const parent of PARENTS) {
      const name = `${parent}_d${day}`
      if (there.has(name)) continue
      const [taken] = await session.query(`SELECT 1 FROM ${parent}_rest WHERE day = $1 LIMIT 1`, [day])
      if (taken) continue
      await session.query(
        `CREATE TABLE IF NOT EXISTS ${name} PARTITION OF ${parent} FOR VALUES FROM (${day}) TO (${day + 1})`,
      )
    }
}

/** Drops whole partitions of days before a given day; returns which. */
export async function dropDays(session: SqlSession, before: number): Promise<readonly string[]> {
  const old = (await partitionNames(session)).filter(
    (name) => Number(/_d(\d+)$/.exec(name)?.[1] ?? before) < before,
  )
  // Concurrent readers and writers do not wait behind us for long: a partition not dropped today is dropped tomorrow.
  if (old.length > 0) await session.query("SET LOCAL lock_timeout = '5s'")
  for (const name of old) await session.query(`DROP TABLE ${name}`)
  return old
}

async function partitionNames(session: SqlSession): Promise<readonly string[]> {
  const rows = await session.query<{ name: string }>(
    `SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent IN ('lovage_webhook_bodies'::regclass, 'lovage_webhook_attempts'::regclass)`,
  )
  return rows.map(({ name }) => name)
}
