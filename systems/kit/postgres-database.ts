import pg from 'pg'
import type { Database, Row, Sql, Value } from './database.js'

/** One number for all systems: their migrations take turns. */
const MIGRATION_LOCK = 4_839_271
const INT8 = 20

/** Opens a PostgreSQL database through a small pool. */
export function openPostgres(url: string): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: 5,
    types: {
      // Counts and milliseconds are far below 2^53.
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === INT8 ? Number : pg.types.getTypeParser(oid, format === 'binary' ? 'text' : 'text'),
    },
  })
  // An idle connection that breaks is replaced by the pool; whoever uses one gets the error.
  pool.on('error', () => {})
  const on = (client: Pick<pg.Pool, 'query'> | pg.PoolClient): Sql => ({
    query: async <R extends Row>(text: string, values: readonly Value[] = []) => {
      const { rows } = await client.query<R>(text, [...values])
      return rows
    },
  })
  const transaction = async <T>(work: (sql: Sql) => Promise<T>): Promise<T> => {
    const client = await pool.connect()
    let broken = true
    try {
      await client.query('BEGIN')
      try {
        const result = await work(on(client))
        await client.query('COMMIT')
        broken = false
        return result
      } catch (error) {
        await client.query('ROLLBACK')
        broken = false
        throw error
      }
    } finally {
      client.release(broken)
    }
  }
  return {
    kind: 'postgresql',
    query: on(pool).query,
    transaction,
    migrate: (statements) =>
      transaction(async (sql) => {
        await sql.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
        for (const statement of statements) await sql.query(statement)
      }),
    close: () => pool.end(),
  }
}
