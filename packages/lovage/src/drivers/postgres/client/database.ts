import pg from 'pg'
import { ConnectionError, type Unsubscribe } from '../../../kernel/index.js'
import { clientOptions } from './client-options.js'
import { postgresError, sqlStateOf } from './errors.js'
import { type Hear, Listener, type PresenceLock } from './listener.js'
import { type Migrations, migrate } from './migrate.js'
import { type PostgresOptions, type PostgresTarget, parsePostgresUrl } from './options.js'
import { nameOf, PLAN_LOST } from './prepared.js'
import type { PostgresValue, Session } from './session.js'
import { StallWatch } from './stall-watch.js'

/** Deadlock and serialization failure: the server rolled the transaction back, and it can simply be run again. */
const AGAIN: ReadonlySet<string | undefined> = new Set(['40P01', '40001'])
const ATTEMPTS = 5
/**
 * Makes statements use an index, its order, and loops over it. For a table that was just filled or emptied, the planner expects few
 * rows: it would gather thousands to sort them, and a plan made for an empty table would read all of a full one. A way that is off counts as
 * dear, not as forbidden, so that the server would compile such plans, which takes a quarter of a second.
 */
const PLANNING = ['bitmapscan', 'seqscan', 'hashjoin', 'mergejoin']
  .map((way) => `SET enable_${way} = off; `)
  .join('')
  .concat('SET jit = off')

/** A PostgreSQL database as one process uses it: pooled connections, and one that listens. Callers close what they open. */
export interface PostgresDatabase extends Session {
  readonly target: PostgresTarget
  /**
   * Runs statements as one transaction, READ COMMITTED. It is rolled back when `work` throws, and `work` runs again, up to
   * five times, when the server rolled it back because of another transaction.
   */
  transaction<Result>(work: (session: Session) => Promise<Result>): Promise<Result>
  /**
   * Listens on a channel. Called without a payload whenever a notification may have been missed: once
   * the subscription is established, and again after every loss of the connection. `lock` is held meanwhile.
   */
  listen(channel: string, hear: Hear, lock?: PresenceLock): Unsubscribe
  /** Keeps the process alive until released. */
  hold(): Unsubscribe
  /** Cuts every connection, because none responds; the next statement opens another. */
  drop(): void
  /** Brings the tables of a room up to date. Safe for concurrent callers; costs one query when there is nothing to do. */
  migrate(migrations: Migrations): Promise<void>
  /** Releases this opening; with the last one the connections are closed. */
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
 * their connections. Throws a ConfigurationError for an invalid URL.
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
  readonly #stalls: StallWatch
  #pool: pg.Pool
  /** False once a pooler turned out to hand out connections without their plans. */
  #keepsPlans = true

  constructor(target: PostgresTarget) {
    this.target = target
    this.#stalls = new StallWatch(target, (clients) => this.#leave(clients))
    this.#pool = this.#newPool()
    this.listener = new Listener(target)
  }

  #newPool(): pg.Pool {
    const { target } = this
    const pool = new pg.Pool({
      ...clientOptions(target, 'lovage'),
      max: target.poolSize,
      idleTimeoutMillis: 30_000,
      // Idle connections do not keep the process alive.
      allowExitOnIdle: true,
      onConnect: async (client) => void (await client.query(PLANNING)),
    })
    // An idle connection was cut: the pool has dropped it, and the next statement opens another.
    pool.on('error', () => {})
    // From the first moment: a connection cut before its borrower has it would otherwise crash the process.
    pool.on('connect', (client) => client.on('error', () => {}))
    return pool
  }

  /** Connections in use are cut, idle ones end with their pool. */
  drop(): void {
    this.#leave([...this.#busy])
    this.listener.drop()
  }

  /** Cuts connections; idle ones, which may be no better, end with their pool. */
  #leave(clients: readonly pg.ClientBase[]): void {
    const old = this.#pool
    this.#pool = this.#newPool()
    // This destroys a connection that waits for a reply; the pool's type omits `end`.
    for (const client of clients) (client as pg.Client).end().catch(() => {})
    old.end().catch(() => {})
  }

  async query<Row>(statement: string, values: readonly PostgresValue[] = []): Promise<readonly Row[]> {
    const run = () => this.#use((client) => this.#run<Row>(client, statement, values))
    try {
      return await run()
    } catch (error) {
      if (!this.#hasLostPlan(error)) throw error
      return await run()
    }
  }

  async transaction<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#use((client) => this.#inTransaction(client, work))
      } catch (error) {
        const isAgain = AGAIN.has(sqlStateOf(error)) || this.#hasLostPlan(error)
        if (attempt === ATTEMPTS || !isAgain) throw error
      }
    }
  }

  async close(): Promise<void> {
    this.listener.close()
    await this.#pool.end()
    this.#stalls.stop()
  }

  /** Whether a statement failed for its plan alone. It had no effect, and runs again without one. */
  #hasLostPlan(error: unknown): boolean {
    if (!PLAN_LOST.has(sqlStateOf(error))) return false
    this.#keepsPlans = false
    return true
  }

  async #inTransaction<Result>(
    client: pg.PoolClient,
    work: (session: Session) => Promise<Result>,
  ): Promise<Result> {
    // A process that is stopped in the middle must not hold its locks forever.
    const patience = `SET LOCAL idle_in_transaction_session_timeout = ${this.target.silenceTimeoutMs}`
    await this.#stalls.watch(client, client.query(`BEGIN ISOLATION LEVEL READ COMMITTED; ${patience}`))
    try {
      const result = await work({
        query: async <Row>(statement: string, values: readonly PostgresValue[] = []) => {
          try {
            return await this.#run<Row>(client, statement, values)
          } catch (error) {
            throw postgresError(error, this.target)
          }
        },
      })
      await this.#stalls.watch(client, client.query('COMMIT'))
      return result
    } catch (error) {
      // If even that fails, the connection is gone, and the transaction with it.
      await this.#stalls.watch(client, client.query('ROLLBACK'))
      throw error
    }
  }

  async #run<Row>(
    client: pg.PoolClient,
    text: string,
    values: readonly PostgresValue[],
  ): Promise<readonly Row[]> {
    // The library only reads the list; the caller knows its own rows.
    const name = this.#keepsPlans ? nameOf(text) : undefined
    const answer = client.query({ text, values: values as PostgresValue[], ...(name ? { name } : {}) })
    const { rows } = await this.#stalls.watch(client, answer)
    return rows as Row[]
  }

  /** Borrows a connection; one that failed for any reason but a refused statement is not reused. */
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

  listen(channel: string, hear: Hear, lock?: PresenceLock): Unsubscribe {
    this.#check()
    return this.#until(this.#connections.listener.add(channel, hear, lock))
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
