import pg from 'pg'
import { type Database, inTransaction, type Row, type Sql, type Transaction, type Value } from './database.js'

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
      getTypeParser: (oid: number) => (oid === INT8 ? Number : pg.types.getTypeParser(oid, 'text')),
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
  const begin = async (): Promise<Transaction> => {
    const client = await pool.connect()
    const end = async (how: 'COMMIT' | 'ROLLBACK'): Promise<void> => {
      let isBroken = true
      try {
        await client.query(how)
        isBroken = false
      } finally {
        // A connection whose transaction may be open is not used again.
        client.release(isBroken)
      }
    }
    try {
      await client.query('BEGIN')
    } catch (error) {
      client.release(true)
      throw error
    }
    return { ...on(client), commit: () => end('COMMIT'), rollback: () => end('ROLLBACK') }
  }
  const transaction = <T>(work: (sql: Sql) => Promise<T>): Promise<T> => inTransaction({ begin }, work)
  return {
    kind: 'postgresql',
    query: on(pool).query,
    begin,
    transaction,
    migrate: (statements) =>
      transaction(async (sql) => {
        await sql.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
        for (const statement of statements) await sql.query(statement)
      }),
    close: () => pool.end(),
  }
}
