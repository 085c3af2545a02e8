import pg from 'pg'
import { ConnectionError, type Unsubscribe } from '../../../kernel/index.js'
import { clientOptions } from './client-options.js'
import { postgresError, sqlStateOf } from './errors.js'
import { type Hear, Listener } from './listener.js'
import { type Migrations, migrate } from './migrate.js'
import { type PostgresOptions, type PostgresTarget, parsePostgresUrl } from './options.js'
import type { PostgresValue, Session } from './session.js'

/** Deadlock and serialization failure: the server undid the transaction and it may simply be run again. */
const AGAIN: ReadonlySet<string | undefined> = new Set(['40P01', '40001'])
const ATTEMPTS = 5
/**
 * Statements find what they want by an index, and in its order. Of a table that was just filled, or emptied, the planner thinks that a few
 * rows will do, and would gather thousands to sort them.
 */
const PLANNING = 'SET enable_bitmapscan = off'

/** A PostgreSQL database as one process uses it: pooled connections, and one that listens. Close what you opened. */
export interface PostgresDatabase extends Session {
  readonly target: PostgresTarget
  /**
   * Runs statements as one transaction, READ COMMITTED. It is undone when `work` throws, and `work` runs again, up to
   * five times, when the server undid it because of another transaction.
   */
  transaction<Result>(work: (session: Session) => Promise<Result>): Promise<Result>
  /**
   * Hears what is notified on a channel, and is called without a payload whenever something may have been missed: once
   * the subscription stands, and again after every loss of the connection.
   */
  listen(channel: string, hear: Hear): Unsubscribe
  /** Keeps the process alive until released. */
  hold(): Unsubscribe
  /** Cuts every connection, because nothing comes back on one; the next statement makes another. */
  drop(): void
  /** Brings the tables of a room up to date. Safe when many do it at once; costs one look when there is nothing to do. */
  migrate(migrations: Migrations): Promise<void>
  /** Gives this opening back; with the last one the connections are closed. */
  close(): Promise<void>
}

/** One pool for each database of the process, with the number of its openings. */
const pools = new Map<string, { readonly pool: Connections; openings: number }>()

/** How a database is opened. */
export interface OpenPostgresOptions extends PostgresOptions {
  /** A pool of its own, as if it were another process. */
  readonly isolated?: boolean
}

/**
 * Opens the database that a URL names; the first statement connects. Within a process all openings of a database share
 * their connections. Throws a ConfigurationError for a wrong URL.
 */
export function openPostgres(url: string, options: OpenPostgresOptions = {}): PostgresDatabase {
  const { isolated = false, ...rest } = options
  const target = parsePostgresUrl(url, rest)
  const key = JSON.stringify(target)
  let entry = isolated ? undefined : pools.get(key)
  if (!entry) {
    entry = { pool: new Connections(target), openings: 0 }
    if (!isolated) pools.set(key, entry)
  }
  const { pool } = entry
  entry.openings++
  return new Opening(pool, async () => {
    if (--entry.openings > 0) return
    if (pools.get(key) === entry) pools.delete(key)
    await pool.close()
  })
}

/** The connections of a process to a database. */
class Connections implements Session {
  readonly target: PostgresTarget
  readonly listener: Listener
  readonly #busy = new Set<pg.PoolClient>()
  #pool: pg.Pool

  constructor(target: PostgresTarget) {
    this.target = target
    this.#pool = this.#newPool()
    this.listener = new Listener(target)
  }

  #newPool(): pg.Pool {
    const { target } = this
    const pool = new pg.Pool({
      ...clientOptions(target, 'lovage'),
      max: target.poolSize,
      idleTimeoutMillis: 30_000,
      // Idle connections keep no process alive.
      allowExitOnIdle: true,
      onConnect: async (client) => void (await client.query(PLANNING)),
    })
    // An idle connection was cut: the pool has dropped it, and the next statement makes another.
    pool.on('error', () => {})
    // From the first moment: one that is cut before its borrower has it would otherwise end the process.
    pool.on('connect', (client) => client.on('error', () => {}))
    return pool
  }

  /** Those that are in use are cut, those that are idle end with their pool. */
  drop(): void {
    const old = this.#pool
    this.#pool = this.#newPool()
    // One that waits for an answer is destroyed by this; the type of what a pool lends leaves `end` out.
    for (const client of this.#busy) (client as pg.ClientBase as pg.Client).end().catch(() => {})
    old.end().catch(() => {})
    this.listener.drop()
  }

  async query<Row>(statement: string, values: readonly PostgresValue[] = []): Promise<readonly Row[]> {
    return this.#use((client) => run<Row>(client, statement, values))
  }

  async transaction<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#use((client) => this.#inTransaction(client, work))
      } catch (error) {
        if (attempt === ATTEMPTS || !AGAIN.has(sqlStateOf(error))) throw error
      }
    }
  }

  async close(): Promise<void> {
    this.listener.close()
    await this.#pool.end()
  }

  async #inTransaction<Result>(
    client: pg.PoolClient,
    work: (session: Session) => Promise<Result>,
  ): Promise<Result> {
    // A process that is stopped in the middle must not hold its locks for ever.
    const patience = `SET LOCAL idle_in_transaction_session_timeout = ${this.target.silenceTimeoutMs}`
    await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED; ${patience}`)
    try {
      const result = await work({
        query: async <Row>(statement: string, values: readonly PostgresValue[] = []) => {
          try {
            return await run<Row>(client, statement, values)
          } catch (error) {
            throw postgresError(error, this.target)
          }
        },
      })
      await client.query('COMMIT')
      return result
    } catch (error) {
      // When even that fails the connection is gone, and the transaction with it.
      await client.query('ROLLBACK')
      throw error
    }
  }

  /** Borrows a connection; one that failed for another reason than a refused statement is not used again. */
  async #use<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
    let client: pg.PoolClient | undefined
    let broken: Error | undefined
    const onError = (error: Error): void => {
      broken = error
    }
    try {
      client = await this.#pool.connect()
      client.on('error', onError)
      this.#busy.add(client)
      return await work(client)
    } catch (error) {
      const translated = postgresError(error, this.target, client !== undefined)
      const isRefusal = sqlStateOf(translated) !== undefined && translated.code !== 'LVG_CONNECTION_FAILED'
      if (!isRefusal) broken ??= translated
      throw translated
    } finally {
      if (client) this.#busy.delete(client)
      client?.off('error', onError)
      client?.release(broken)
    }
  }
}

async function run<Row>(
  client: pg.PoolClient,
  text: string,
  values: readonly PostgresValue[],
): Promise<readonly Row[]> {
  // The library reads the list and nothing else; the caller knows its own rows.
  const { rows } = await client.query({ text, values: values as PostgresValue[] })
  return rows as Row[]
}

/** One opener's share of the connections. */
class Opening implements PostgresDatabase {
  readonly #connections: Connections
  readonly #release: () => Promise<void>
  readonly #endings = new Set<Unsubscribe>()
  #isClosed = false

  constructor(connections: Connections, release: () => Promise<void>) {
    this.#connections = connections
    this.#release = release
  }

  get target(): PostgresTarget {
    return this.#connections.target
  }

  async query<Row>(statement: string, values?: readonly PostgresValue[]): Promise<readonly Row[]> {
    this.#check()
    return this.#connections.query<Row>(statement, values)
  }

  async transaction<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    this.#check()
    return this.#connections.transaction(work)
  }

  listen(channel: string, hear: Hear): Unsubscribe {
    this.#check()
    return this.#until(this.#connections.listener.add(channel, hear))
  }

  hold(): Unsubscribe {
    return this.#until(this.#connections.listener.hold())
  }

  drop(): void {
    this.#connections.drop()
  }

  async migrate(migrations: Migrations): Promise<void> {
    await migrate(this, migrations)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const end of this.#endings) end()
    await this.#release()
  }

  #until(end: Unsubscribe): Unsubscribe {
    this.#endings.add(end)
    return () => {
      if (this.#endings.delete(end)) end()
    }
  }

  #check(): void {
    if (this.#isClosed)
      throw new ConnectionError(`The connection to ${this.target.location} was closed`, {
        code: 'LVG_CONNECTION_CLOSED',
      })
  }
}
