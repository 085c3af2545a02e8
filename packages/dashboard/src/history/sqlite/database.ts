import { readFileSync } from 'node:fs'
import Database from 'libsql'
import { ConfigurationError, ConnectionError } from 'lovage'

/** A value that SQLite stores. */
export type SqlValue = string | number | Uint8Array | null

/** A prepared statement; rows are arrays. */
export interface Statement {
  run(values: readonly SqlValue[]): number
  /** The first row: much cheaper than a list of one. */
  one<Row extends readonly unknown[]>(values: readonly SqlValue[]): Row | undefined
  all<Row extends readonly unknown[]>(values: readonly SqlValue[]): Row[]
}

/** The file of a history. All work is on this thread, in steps of milliseconds. */
export interface HistoryFile {
  prepare(sql: string): Statement
  /** Runs `work` as one transaction that starts with the write lock. */
  transaction<T>(work: () => T): T
  /**
   * Runs `work`, which is one transaction. While another process has the write lock, it is tried again and again for some seconds: a
   * wait inside of SQLite would block every page.
   */
  whenFree<T>(work: () => T): Promise<T>
  /** Whether another process has written to the file since the last call. */
  isChangedByOthers(): boolean
  close(): void
}

/** The wait for another writing process, such as a dashboard being replaced. */
const BUSY_TIMEOUT_MS = 5000
/** How much of it blocks this thread at a time once the file is open, and the pause after it. */
const BLOCKED_MS = 10
const BUSY_PAUSE_MS = 50
const VERSIONS = [1, 2, 3, 4, 5, 6].map((version) => new URL(`./schema-${version}.sql`, import.meta.url))

/**
 * Opens the file, and creates it if it does not exist.
 * @throws {ConnectionError} LVG_STORE_UNSUITABLE when it cannot be opened.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID when a newer version wrote it.
 */
export function openHistoryFile(path: string): HistoryFile {
  const database = openDatabase(path)
  try {
    database.exec('PRAGMA synchronous = NORMAL; PRAGMA temp_store = memory; PRAGMA cache_size = -8000')
    database.prepare('PRAGMA wal_autocheckpoint = 6000').all()
    database.prepare('PRAGMA journal_size_limit = 67108864').all()
    migrate(database, path)
    database.prepare(`PRAGMA busy_timeout = ${BLOCKED_MS}`).all()
  } catch (error) {
    database.close()
    throw error
  }
  const dataVersion = prepare(database, 'PRAGMA data_version')
  const versionOf = (): number | undefined => dataVersion.one<[number]>([])?.[0]
  let version = versionOf()
  return {
    prepare: (sql) => prepare(database, sql),
    transaction<T>(work: () => T): T {
      database.exec('BEGIN IMMEDIATE')
      try {
        const value = work()
        database.exec('COMMIT')
        return value
      } catch (error) {
        if (database.inTransaction) database.exec('ROLLBACK')
        throw error
      }
    },
    async whenFree<T>(work: () => T): Promise<T> {
      for (const endMs = performance.now() + BUSY_TIMEOUT_MS; ; ) {
        try {
          return work()
        } catch (error) {
          if (!isBusy(error) || performance.now() >= endMs) throw error
        }
        await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS))
      }
    },
    isChangedByOthers() {
      const now = versionOf()
      const isChanged = now !== version
      version = now
      return isChanged
    },
    close: () => void database.close(),
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY'

function openDatabase(path: string): Database.Database {
  try {
    const database = new Database(path, { timeout: BUSY_TIMEOUT_MS })
    database.prepare('PRAGMA journal_mode = WAL').all()
    return database
  } catch (cause) {
    throw new ConnectionError(`The history ${path} cannot be opened: ${String(cause)}`, {
      code: 'LVG_STORE_UNSUITABLE',
      hint: 'Name a file in a folder that this process may write to (--db), on a local disk.',
      details: { path },
      cause,
    })
  }
}

function migrate(database: Database.Database, path: string): void {
  const [row] = prepare(database, 'PRAGMA user_version').all<[number]>([])
  const version = row?.[0] ?? 0
  if (version > VERSIONS.length)
    throw new ConfigurationError(`The history ${path} was written by a newer version.`, {
      code: 'LVG_CONFIG_INVALID',
      hint: 'Run the newer version, or name another file (--db).',
      details: { path, version, newest: VERSIONS.length },
    })
  for (const [done, step] of VERSIONS.entries()) {
    if (done < version) continue
    database.exec(`BEGIN IMMEDIATE; ${readFileSync(step, 'utf8')}; PRAGMA user_version = ${done + 1}; COMMIT`)
  }
}

function prepare(database: Database.Database, sql: string): Statement {
  const statement = database.prepare(sql)
  // Only statements that return rows have a raw mode.
  if (statement.reader) statement.raw()
  return {
    run: (values) => statement.run(values as unknown[]).changes,
    // The row types are the caller's responsibility; the library has none.
    one: <Row>(values: readonly SqlValue[]) => statement.get(values as unknown[]) as Row | undefined,
    all: <Row>(values: readonly SqlValue[]) => statement.all(values as unknown[]) as Row[],
  }
}
