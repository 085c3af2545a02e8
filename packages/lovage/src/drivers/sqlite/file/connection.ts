import { readFileSync } from 'node:fs'
import Database from 'libsql'
import { ConfigurationError, ConnectionError } from '../../../kernel/index.js'
import type { Connection, Program, SqlValue, Statement } from './program.js'

/** How long SQLite itself waits for a lock; longer waits are retried without blocking the thread. */
const BUSY_TIMEOUT_MS = 50

/** The connection as the thread itself uses it. */
export interface OpenConnection extends Connection {
  readonly inTransaction: boolean
  close(): void
}

/** Opens the file and sets it up; throws SQLite's own errors, SQLITE_BUSY among them. */
export function openConnection(path: string, synchronous: 'normal' | 'full'): OpenConnection {
  const database = new Database(path, { timeout: BUSY_TIMEOUT_MS })
  try {
    const [mode] = rows<[string]>(database, 'PRAGMA journal_mode = WAL')
    if (mode?.[0] !== 'wal')
      throw new ConnectionError(`${path} cannot use a write-ahead log (journal_mode is ${mode?.[0]})`, {
        code: 'LVG_STORE_UNSUITABLE',
        details: { path },
      })
    database.exec(
      `PRAGMA synchronous = ${synchronous}; PRAGMA temp_store = memory; PRAGMA cache_size = -16000`,
    )
    rows(database, 'PRAGMA wal_autocheckpoint = 2000')
    rows(database, 'PRAGMA journal_size_limit = 67108864')
  } catch (error) {
    database.close()
    throw error
  }
  return {
    prepare: (sql) => prepare(database, sql),
    exec: (sql) => void database.exec(sql),
    get inTransaction() {
      return database.inTransaction
    },
    close: () => void database.close(),
  }
}

function rows<Row extends readonly unknown[]>(database: Database.Database, sql: string): Row[] {
  return prepare(database, sql).all<Row>([])
}

function prepare(database: Database.Database, sql: string): Statement {
  const statement = database.prepare(sql)
  // Only statements that return rows have a raw mode.
  if (statement.reader) statement.raw()
  // In libsql 0.5 a `get` that follows an `all` of the same statement returns the last row of the `all`.
  let hasListed = false
  // The row types are the caller's knowledge of its SQL; the library has none.
  const all = <Row>(parameters: readonly SqlValue[]): Row[] => {
    hasListed = true
    return statement.all(parameters as unknown[]) as Row[]
  }
  return {
    run: (parameters: readonly SqlValue[]) => statement.run(parameters as unknown[]).changes,
    all,
    get: <Row>(parameters: readonly SqlValue[]) =>
      hasListed ? all<Row>(parameters)[0] : (statement.get(parameters as unknown[]) as Row | undefined),
  }
}

/** Migrates the tables of a program to its newest version; call it inside a transaction. */
export function migrate(
  connection: Connection,
  program: Pick<Program, 'name' | 'migrations'>,
  path: string,
): void {
  connection.exec(
    'CREATE TABLE IF NOT EXISTS lovage_schema (program TEXT PRIMARY KEY, version INTEGER NOT NULL)',
  )
  const [version = 0] =
    connection.prepare('SELECT version FROM lovage_schema WHERE program = ?').get<[number]>([program.name]) ??
    []
  const newest = program.migrations.length
  if (version > newest)
    throw new ConfigurationError(`${path} was written by a newer version of Lovage`, {
      code: 'LVG_CONFIG_INVALID',
      details: { path, program: program.name, version, newest },
      hint: 'Run the newer version, or use another file.',
    })
  for (const step of program.migrations.slice(version)) connection.exec(readFileSync(step, 'utf8'))
  connection
    .prepare('REPLACE INTO lovage_schema (program, version) VALUES (?, ?)')
    .run([program.name, newest])
}
