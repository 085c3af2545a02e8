import { readFileSync } from 'node:fs'
import Database from 'libsql'
import { ConfigurationError, ConnectionError } from '../../../kernel/index.js'
import { throughGate } from './exit-gate.js'
import type { Connection, Program, SqlValue, Statement } from './program.js'

/** How long SQLite itself waits for a lock; longer waits are retried without blocking the thread. */
const BUSY_TIMEOUT_MS = 50

/** The connection as the thread itself uses it. */
export interface OpenConnection extends Connection {
  readonly inTransaction: boolean
  close(): void
}

/** Makes one call of the library. */
type Enter = <T>(call: () => T) => T

/** Opens the file and sets it up; throws SQLite's own errors, SQLITE_BUSY among them. */
export function openConnection(
  path: string,
  synchronous: 'normal' | 'full',
  exitGate: Int32Array<SharedArrayBuffer>,
): OpenConnection {
  const enter: Enter = (call) => throughGate(exitGate, call)
  const database = enter(() => new Database(path, { timeout: BUSY_TIMEOUT_MS }))
  const rows = <Row extends readonly unknown[]>(sql: string): Row[] =>
    prepare(database, sql, enter).all<Row>([])
  const exec = (sql: string): void => enter(() => void database.exec(sql))
  const close = (): void => enter(() => void database.close())
  try {
    const [mode] = rows<[string]>('PRAGMA journal_mode = WAL')
    if (mode?.[0] !== 'wal')
      throw new ConnectionError(`${path} cannot use a write-ahead log (journal_mode is ${mode?.[0]})`, {
        code: 'LVG_STORE_UNSUITABLE',
        details: { path },
      })
    exec(`PRAGMA synchronous = ${synchronous}; PRAGMA temp_store = memory; PRAGMA cache_size = -16000`)
    rows('PRAGMA wal_autocheckpoint = 2000')
    rows('PRAGMA journal_size_limit = 67108864')
  } catch (error) {
    close()
    throw error
  }
  return {
    prepare: (sql) => prepare(database, sql, enter),
    exec,
    get inTransaction() {
      return enter(() => database.inTransaction)
    },
    close,
  }
}

function prepare(database: Database.Database, sql: string, enter: Enter): Statement {
  const statement = enter(() => {
    const prepared = database.prepare(sql)
    // Only statements that return rows have a raw mode.
    if (prepared.reader) prepared.raw()
    return prepared
  })
  // In libsql 0.5 a `get` that follows an `all` of the same statement returns the last row of the `all`.
  let hasListed = false
  // The row types are the caller's knowledge of its SQL; the library has none.
  const all = <Row>(parameters: readonly SqlValue[]): Row[] => {
    hasListed = true
    return enter(() => statement.all(parameters as unknown[])) as Row[]
  }
  return {
    run: (parameters: readonly SqlValue[]) => enter(() => statement.run(parameters as unknown[])).changes,
    all,
    get: <Row>(parameters: readonly SqlValue[]) =>
      hasListed
        ? all<Row>(parameters)[0]
        : (enter(() => statement.get(parameters as unknown[])) as Row | undefined),
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
