import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'libsql'
import { WebhookError } from '../../domain/index.js'
import type { SqlDatabase, SqlSession, SqlTransaction, SqlValue } from './database.js'
import { forSqlite } from './statements.js'

type Row = Readonly<Record<string, unknown>>
interface Prepared {
  readonly reader: boolean
  all(...values: unknown[]): unknown[]
  run(...values: unknown[]): unknown
}

/** How long a writer waits for another process's transaction before it gives up. */
const LOCK_WAIT_MS = 30_000

/**
 * One process's view of a SQLite file. Statements run at once, on this thread; transactions run one at a time, and wait for those of
 * other processes without blocking the thread.
 */
export class SqliteDatabase implements SqlDatabase {
  readonly kind = 'sqlite'
  readonly shownUrl: string
  readonly #path: string
  readonly #database: Database.Database
  readonly #session: SqlSession
  #last: Promise<unknown> = Promise.resolve()

  /** @throws {WebhookError} LVG_WEBHOOK_STORE for an unusable file. */
  constructor(path: string) {
    this.#path = path
    this.shownUrl = `sqlite://${path}`
    try {
      if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true })
      // The wait for a lock is below, where it does not block the thread.
      this.#database = new Database(path, { timeout: 5 })
      this.#database.pragma('journal_mode = WAL')
      this.#database.pragma('synchronous = NORMAL')
      this.#database.pragma('temp_store = MEMORY')
    } catch (error) {
      throw this.#wrapped(error)
    }
    this.#session = sessionOn(
      (statement) => this.#database.prepare(statement),
      (error) => this.#wrapped(error),
    )
  }

  query<R>(statement: string, values?: readonly SqlValue[]): Promise<readonly R[]> {
    return this.#inTurn(() => this.#untilFree(() => this.#session.query<R>(statement, values)))
  }

  transaction<Result>(work: (session: SqlTransaction) => Promise<Result>): Promise<Result> {
    return this.#inTurn(async () => {
      await this.#untilFree(() => this.#exec('BEGIN IMMEDIATE'))
      try {
        // A statement runs when it is given, in this process: nothing is gained by waiting for the commit.
        const unawaited: Promise<unknown>[] = []
        const result = await work({
          query: (statement, values) => this.#session.query(statement, values),
          later: (statement, values) => {
            const run = this.#session.query(statement, values)
            run.catch(() => {})
            unawaited.push(run)
          },
        })
        await Promise.all(unawaited)
        await this.#untilFree(() => this.#exec('COMMIT'))
        return result
      } catch (error) {
        if (this.#database.inTransaction) this.#database.exec('ROLLBACK')
        throw error
      }
    })
  }

  within(transaction: Parameters<SqlDatabase['within']>[0]): SqlSession {
    return {
      async query<R>(statement: string, values: readonly SqlValue[] = []) {
        const { rows } = await transaction.query(forSqlite(statement), values.map(bound))
        // The caller of `query` names the type of its rows.
        return rows.map((row) => withBuffers(row as Row)) as R[]
      },
    }
  }

  /** Changes when any process has committed something. */
  dataVersion(): number {
    const [row] = this.#database.prepare('PRAGMA data_version').all() as { data_version: number }[]
    return row?.data_version ?? 0
  }

  async close(): Promise<void> {
    await this.#inTurn(async () => this.#database.close())
  }

  /** Runs a script of several statements. */
  async #exec(script: string): Promise<void> {
    try {
      this.#database.exec(script)
    } catch (error) {
      throw this.#wrapped(error)
    }
  }

  /** Migrates the tables, in one transaction. */
  migrate(scripts: readonly string[]): Promise<void> {
    return this.transaction(async (session) => {
      await this.#exec(
        'CREATE TABLE IF NOT EXISTS lovage_webhook_meta (name text PRIMARY KEY, version integer NOT NULL)',
      )
      const [row] = await session.query<{ version: number }>(
        "SELECT version FROM lovage_webhook_meta WHERE name = 'schema'",
      )
      const version = row?.version ?? 0
      if (version > scripts.length) throw newer(this.#path, version, scripts.length)
      for (const script of scripts.slice(version)) await this.#exec(script)
      await session.query(
        "INSERT INTO lovage_webhook_meta VALUES ('schema', $1) ON CONFLICT (name) DO UPDATE SET version = excluded.version",
        [scripts.length],
      )
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => {})
    return turn
  }

  async #untilFree<T>(work: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + LOCK_WAIT_MS
    for (let pauseMs = 1; ; pauseMs = Math.min(50, pauseMs * 2)) {
      try {
        return await work()
      } catch (error) {
        const cause = error instanceof WebhookError ? error.cause : undefined
        if (!/locked|busy/i.test(cause instanceof Error ? cause.message : '') || performance.now() > deadline)
          throw error
      }
      // Half random, so that two waiters do not collide again.
      await sleep(pauseMs * (0.5 + Math.random() / 2))
    }
  }

  #wrapped(error: unknown): unknown {
    return storeError(error, this.#path)
  }
}

/** A session that runs our statements on one connection. */
function sessionOn(
  prepare: (statement: string) => unknown,
  wrapped: (error: unknown) => unknown,
): SqlSession {
  const prepared = new Map<string, Prepared>()
  return {
    async query<R>(statement: string, values: readonly SqlValue[] = []) {
      try {
        let ready = prepared.get(statement)
        if (!ready) {
          // The library's own type for `prepare` is narrower.
          ready = prepare(forSqlite(statement)) as Prepared
          prepared.set(statement, ready)
        }
        const parameters = values.map(bound)
        if (!ready.reader) {
          ready.run(...parameters)
          return []
        }
        // The caller of `query` names the type of its rows.
        return ready.all(...parameters).map((row) => withBuffers(row as Row)) as R[]
      } catch (error) {
        throw wrapped(error)
      }
    },
  }
}

const bound = (value: SqlValue): unknown => (Array.isArray(value) ? JSON.stringify(value) : value)

/** The library returns bytes as ArrayBuffers. */
function withBuffers(row: Row): Row {
  for (const [name, value] of Object.entries(row))
    if (value instanceof ArrayBuffer) (row as Record<string, unknown>)[name] = Buffer.from(value)
  return row
}

/** Wraps a database error as one of ours. */
export function storeError(error: unknown, where: string): unknown {
  if (error instanceof WebhookError) return error
  const text = error instanceof Error ? error.message : String(error)
  return new WebhookError(`The store of webhooks (${where}) refused: ${text}`, {
    code: 'LVG_WEBHOOK_STORE',
    cause: error,
  })
}

/** The error for tables of a later version. */
export const newer = (where: string, version: number, known: number): WebhookError =>
  new WebhookError(`The store of webhooks (${where}) has version ${version}; this package knows ${known}.`, {
    code: 'LVG_WEBHOOK_STORE',
    hint: 'Install the newer version of @lovage/webhooks, or use another store.',
  })
