import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import type { Writable } from 'node:stream'
import type pg from 'pg'
import { WebhookError } from '../../domain/index.js'
import type { SqlDatabase, SqlSession, SqlTransaction, SqlValue } from './database.js'
import { newer, storeError } from './sqlite-database.js'
import { forPostgres } from './statements.js'

/** Deadlock and serialization failure: the server rolled the transaction back, and it can simply be run again. */
const AGAIN: ReadonlySet<unknown> = new Set(['40P01', '40001'])
const ATTEMPTS = 5
const LOCK = 7_061_994
const INT8 = 20

/** One process's view of a PostgreSQL database: a pool of connections. */
export class PostgresDatabase implements SqlDatabase {
  readonly kind = 'postgres'
  readonly shownUrl: string
  readonly #library: typeof pg
  readonly #config: pg.ClientConfig
  readonly #pool: pg.Pool

  /** @throws {WebhookError} LVG_WEBHOOK_SETUP when the package `pg` is missing. */
  constructor(url: string, connections: number) {
    this.#library = loadPg()
    this.shownUrl = url.replace(/(:\/\/[^:@/]*):[^@/]*@/, '$1@')
    const { types } = this.#library
    const getTypeParser: typeof types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
      oid === INT8 ? Number : types.getTypeParser(oid, format as 'text')
    this.#config = {
      connectionString: url.replace(/^postgres(ql)?\+\w+:/, 'postgresql:'),
      application_name: 'lovage webhooks',
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
      types: { getTypeParser },
    }
    this.#pool = new this.#library.Pool({
      ...this.#config,
      // Statements that are not awaited one by one go out together. Versions of `pg` without it send them one after the other.
      ...{ pipeline: true },
      max: connections,
      idleTimeoutMillis: 30_000,
      allowExitOnIdle: true,
    })
    // A connection that breaks while idle is replaced; the next statement fails if the server is unreachable.
    this.#pool.on('error', () => {})
  }

  query<Row>(statement: string, values?: readonly SqlValue[]): Promise<readonly Row[]> {
    return this.#run<Row>(this.#pool, statement, values)
  }

  async transaction<Result>(
    work: (session: SqlTransaction) => Promise<Result>,
    { isBrief = false }: { readonly isBrief?: boolean } = {},
  ): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(work, isBrief ? 'BEGIN; SET LOCAL synchronous_commit = off' : 'BEGIN')
      } catch (error) {
        const cause = error instanceof WebhookError ? error.cause : undefined
        if (!AGAIN.has((cause as { code?: unknown } | undefined)?.code) || attempt === ATTEMPTS) throw error
      }
    }
  }

  within(transaction: Parameters<SqlDatabase['within']>[0]): SqlSession {
    return {
      query: async <Row>(statement: string, values: readonly SqlValue[] = []) => {
        const { rows } = await transaction.query(forPostgres(statement), [...values])
        // The caller's client may give bigint as text, as `pg` does unless told otherwise; the caller of `query` names its rows.
        return rows.map((row) => withNumbers(row as Record<string, unknown>)) as Row[]
      },
    }
  }

  /** Migrates the tables: one process does it, the others wait, and then have nothing to do. */
  async migrate(scripts: readonly string[]): Promise<void> {
    if ((await this.#version()) === scripts.length) return
    await this.transaction(async (session) => {
      await session.query(`SELECT pg_advisory_xact_lock(${LOCK})`)
      const version = await this.#version()
      if (version > scripts.length) throw newer(this.shownUrl, version, scripts.length)
      for (const script of scripts.slice(version))
        for (const statement of statementsOf(script)) await session.query(statement)
      await session.query(
        'CREATE TABLE IF NOT EXISTS lovage_webhook_meta (name text PRIMARY KEY, version integer NOT NULL)',
      )
      await session.query(
        "INSERT INTO lovage_webhook_meta VALUES ('schema', $1) ON CONFLICT (name) DO UPDATE SET version = excluded.version",
        [scripts.length],
      )
    })
  }

  /** Opens a separate connection, which the caller must end. */
  async connect(): Promise<pg.Client> {
    const client = new this.#library.Client(this.#config)
    client.on('error', () => {})
    await client.connect()
    return client
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #version(): Promise<number> {
    const [there] = await this.query<{ name: string | null }>(
      "SELECT to_regclass('lovage_webhook_meta')::text AS name",
    )
    if (there?.name == null) return 0
    const [row] = await this.query<{ version: number }>(
      "SELECT version FROM lovage_webhook_meta WHERE name = 'schema'",
    )
    return row?.version ?? 0
  }

  async #once<Result>(work: (session: SqlTransaction) => Promise<Result>, begin: string): Promise<Result> {
    let client: pg.PoolClient
    try {
      client = await this.#pool.connect()
    } catch (error) {
      throw storeError(error, this.shownUrl)
    }
    let broken: Error | undefined
    try {
      // Begin goes with the first statements, and what is for later with the commit. Where one fails, the server refuses all that follow,
      // commits nothing, and the first failure is the one that is thrown.
      const unawaited: Promise<unknown>[] = []
      const run = (statement: string, values?: readonly SqlValue[]): void => {
        const sent = this.#run(client, statement, values)
        sent.catch(() => {})
        unawaited.push(sent)
      }
      run(begin)
      const result = await work({
        query: (statement, values) => this.#run(client, statement, values),
        later: run,
      })
      run('COMMIT')
      await Promise.all(unawaited)
      return result
    } catch (error) {
      // A connection that cannot roll back is not reused.
      await client.query('ROLLBACK').catch((fault: Error) => {
        broken = fault
      })
      throw error
    } finally {
      client.release(broken)
    }
  }

  async #run<Row>(
    on: pg.Pool | pg.PoolClient,
    statement: string,
    values: readonly SqlValue[] = [],
  ): Promise<readonly Row[]> {
    const { name, text } = prepared(statement)
    if ('connection' in on) holdWrites(on)
    try {
      // Prepared once on each connection: planning over many partitions costs more than most of these statements.
      const config = values.length > 0 ? { name, text, values: [...values] } : { text }
      return (await on.query(config)).rows as Row[]
    } catch (error) {
      throw storeError(error, this.shownUrl)
    }
  }
}

/**
 * Holds what a connection writes until the current turn is over, so that statements given together are one write instead of one each. The
 * stream is `pg`'s own affair: where it is not there, each statement is written by itself.
 */
function holdWrites(client: object): void {
  const { connection } = client as { readonly connection?: { readonly stream?: Writable } }
  const stream = connection?.stream
  if (!stream || typeof stream.cork !== 'function' || held.has(stream)) return
  held.add(stream)
  stream.cork()
  process.nextTick(() => {
    held.delete(stream)
    stream.uncork()
  })
}

const held = new WeakSet<object>()
const compiled = new Map<string, { readonly name: string; readonly text: string }>()
function prepared(statement: string): { readonly name: string; readonly text: string } {
  let found = compiled.get(statement)
  if (!found) {
    const text = forPostgres(statement)
    found = { text, name: `lvg_wh_${createHash('sha1').update(text).digest('hex').slice(0, 20)}` }
    compiled.set(statement, found)
  }
  return found
}

/** The statements of a script; none of ours has a semicolon inside. */
const statementsOf = (script: string): readonly string[] =>
  script
    .replace(/^--.*$/gm, '')
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')

function withNumbers(row: Record<string, unknown>): Record<string, unknown> {
  for (const [name, value] of Object.entries(row))
    if (/(_at|_ms|_until|_since|bytes|day|count)$/.test(name) && typeof value === 'string')
      row[name] = Number(value)
  return row
}

function loadPg(): typeof pg {
  try {
    return createRequire(import.meta.url)('pg') as typeof pg
  } catch (cause) {
    throw new WebhookError('A store on PostgreSQL needs the package pg, which is not installed.', {
      code: 'LVG_WEBHOOK_SETUP',
      hint: 'npm install pg',
      cause,
    })
  }
}
