import { readFileSync } from 'node:fs'
import { ConfigurationError, ConnectionError } from 'lovage'
import type pg from 'pg'

/** A session that runs statements: the pool, or one connection within a transaction. */
export interface Session {
  query<Row extends readonly unknown[]>(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>
}

/** The schema of a history in a database. */
export interface HistoryDatabase extends Session {
  /** Without a password. */
  readonly location: string
  /** Runs a transaction, one at a time among all dashboards that write this history. */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T>
  close(): Promise<void>
}

const VERSIONS = [1, 2, 3, 4, 5, 6].map((version) => new URL(`./schema-${version}.sql`, import.meta.url))
const CONNECT_TIMEOUT_MS = 5_000
const STATEMENT_TIMEOUT_MS = 30_000
/** The type id of the server's bigints: keys, counts and times, all within a number's range. */
const INT8 = 20

/**
 * Opens a schema, and creates it if it does not exist.
 * @throws {ConfigurationError} LVG_DRIVER_MISSING without the package pg; LVG_CONFIG_INVALID when a newer version wrote it.
 * @throws {ConnectionError} LVG_STORE_UNSUITABLE when the database cannot be reached or used.
 */
export async function openHistoryDatabase(url: string, schema: string): Promise<HistoryDatabase> {
  const { Pool, types } = await loadPg()
  const location = url.replace(/(:\/\/[^/?#@:]*):[^@/?#]*@/, '$1:**@')
  const pool = new Pool({
    connectionString: url,
    max: 4,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'lovage dashboard',
    allowExitOnIdle: true,
    options: `-c search_path="${schema}"`,
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === INT8 ? Number : types.getTypeParser(oid, format),
    },
  })
  // An idle connection was cut: the pool has dropped it, and the next statement opens another.
  pool.on('error', () => {})
  const sessionOf = (client: Pick<pg.Pool, 'query'>): Session => ({
    async query<Row extends readonly unknown[]>(text: string, values: readonly unknown[] = []) {
      const config: pg.QueryArrayConfig = { text, values: [...values], rowMode: 'array' }
      const { rows } = await client.query(config)
      // The row type is the caller's responsibility.
      return rows as unknown as readonly Row[]
    },
  })
  const transaction = async <T>(work: (session: Session) => Promise<T>): Promise<T> => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await client.query('SELECT pg_advisory_xact_lock(hashtext($1))', [`lovage dashboard ${schema}`])
      const value = await work(sessionOf(client))
      await client.query('COMMIT')
      client.release()
      return value
    } catch (error) {
      // A connection that cannot roll back is discarded.
      await client.query('ROLLBACK').then(
        () => client.release(),
        (cause: Error) => client.release(cause),
      )
      throw error
    }
  }
  try {
    await transaction((session) => migrate(session, schema))
  } catch (cause) {
    await pool.end()
    if (cause instanceof ConfigurationError) throw cause
    throw new ConnectionError(
      `The history ${location} cannot be opened: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        code: 'LVG_STORE_UNSUITABLE',
        hint: 'Check that the server runs, and that this user may create a schema in the database (--db).',
        details: { location, schema },
        cause,
      },
    )
  }
  return {
    location: `${location} (schema ${schema})`,
    ...sessionOf(pool),
    transaction,
    close: () => pool.end(),
  }
}

async function loadPg(): Promise<typeof pg> {
  try {
    return (await import('pg')).default
  } catch (cause) {
    throw new ConfigurationError('A history in PostgreSQL needs the package pg: npm install pg', {
      code: 'LVG_DRIVER_MISSING',
      details: { package: 'pg' },
      cause,
    })
  }
}

async function migrate(session: Session, schema: string): Promise<void> {
  await session.query(`CREATE SCHEMA IF NOT EXISTS "${schema}"`)
  await session.query('CREATE TABLE IF NOT EXISTS version (version INTEGER NOT NULL)')
  const [row] = await session.query<[number]>('SELECT version FROM version')
  const version = row?.[0] ?? 0
  if (version > VERSIONS.length)
    throw new ConfigurationError(`The history in the schema ${schema} was written by a newer version.`, {
      code: 'LVG_CONFIG_INVALID',
      hint: 'Run the newer version, or name another database (--db).',
      details: { schema, version, newest: VERSIONS.length },
    })
  for (const step of VERSIONS.slice(version)) await session.query(readFileSync(step, 'utf8'))
  await session.query('DELETE FROM version')
  await session.query('INSERT INTO version VALUES ($1)', [VERSIONS.length])
}
