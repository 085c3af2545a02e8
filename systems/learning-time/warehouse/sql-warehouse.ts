import { openDatabase } from 'lovage-systems-kit'
import { statementOn, type Warehouse } from './warehouse.js'

/** A warehouse in PostgreSQL or SQLite. */
export function sqlWarehouse(url: string, table: string): Warehouse {
  let at = 0
  // As text, so that no number is rounded on the way.
  const statement = statementOn(table)
    .replace(/\?/g, () => `$${++at}`)
    .replace('= $1', '= CAST($1 AS BIGINT)')
    .replace('SUM(LEARNING_TIME_SECONDS)', 'CAST(SUM(LEARNING_TIME_SECONDS) AS TEXT)')
  const database = openDatabase(url)
  // Whoever asks first hears of it.
  database.catch(() => {})
  return {
    name: url.split(':', 1)[0] ?? 'sql',
    async learningTime({ userId, courseId, enterpriseUuid }, signal) {
      signal.throwIfAborted()
      const db = await database
      const [row] = await Promise.race([
        db.query(statement, [String(userId), courseId, enterpriseUuid]),
        aborted(signal),
      ])
      const total = row?.total_learning_time ?? null
      return total === null ? null : BigInt(String(total))
    },
    async check(signal) {
      const db = await database
      await Promise.race([db.query(`SELECT 1 AS one FROM ${table} LIMIT 1`), aborted(signal)])
      return `${db.kind} answers`
    },
    close: async () => (await database).close(),
  }
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
