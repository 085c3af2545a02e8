import { firstIdAt } from '../domain/index.js'
import type { SqlDatabase } from './database/database.js'
import { readStatements } from './database/statements.js'
import { dayOf } from './days.js'
import { dropDays, makeDays } from './partitions.js'
import type { Removed } from './webhook-store.js'

const SQL = readStatements(new URL('./sql/cleanup.sql', import.meta.url), [
  'oldDeliveries',
  'oldEvents',
  'keepEvents',
  'keepBodies',
  'keepDeliveries',
  'oldBodies',
  'keepAttempts',
  'oldAttempts',
  'oldDocuments',
  'oldSecrets',
])
const BATCH = 1000

/**
 * Removes deliveries that ended before a time: rows in batches, bodies and attempts by whole days. Unfinished ones move to today's
 * partition first, so that no dropped day holds anything still needed. The process may stop after any step; the next cleanup continues
 * from there.
 */
export async function cleanup(database: SqlDatabase, beforeMs: number, nowMs: number): Promise<Removed> {
  const inBatches = async (statement: string, values: readonly (string | number)[]): Promise<number> => {
    for (let sum = 0; ; ) {
      const { length } = await database.query(statement, [...values, BATCH])
      sum += length
      if (length < BATCH) return sum
    }
  }
  const deliveries = await inBatches(SQL.oldDeliveries, [firstIdAt('dlv', beforeMs), beforeMs])
  const events = await inBatches(SQL.oldEvents, [beforeMs])
  const [first, today] = [dayOf(beforeMs), dayOf(nowMs)]
  const removed = await database.transaction(async (session) => {
    if (database.kind === 'postgres') await makeDays(session, today)
    // Deliveries first: a claim that holds one has read its body by the time this continues, and later ones see everything moved.
    await session.query(SQL.keepDeliveries, [first, today])
    await session.query(SQL.keepBodies, [first, today])
    await session.query(SQL.keepEvents, [first, today])
    await session.query(SQL.keepAttempts, [first, today])
    const [counted] = await session.query<{ count: number }>(
      'SELECT count(*) AS count FROM lovage_webhook_attempts WHERE day < $1',
      [first],
    )
    const partitions = database.kind === 'postgres' ? await dropDays(session, first) : []
    await session.query(SQL.oldBodies, [first])
    await session.query(SQL.oldAttempts, [first])
    return { attempts: Number(counted?.count ?? 0), partitions }
  })
  await database.query(SQL.oldDocuments, [nowMs])
  // `v1a` keys were published: their signatures may still be verified for a while.
  await database.query(SQL.oldSecrets, [beforeMs])
  return { events, deliveries, ...removed }
}
