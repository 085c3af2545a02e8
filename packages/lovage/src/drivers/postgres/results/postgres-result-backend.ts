import type { DriverOptions, Unsubscribe } from '../../../kernel/index.js'
import type { ReadOptions } from '../../../message/index.js'
import { readSql } from '../../../process/index.js'
import type { ResultBackend, ResultRecord, TaskResult } from '../../../result/index.js'
import { type ResultListener, ResultWatchers, readOptionsOf } from '../../shared/index.js'
import {
  Batches,
  offerResultWriter,
  openPostgres,
  type PostgresDatabase,
  postgresOptionsOf,
  prepare,
  sqlStateOf,
} from '../client/index.js'
import { PostgresJoinStore } from './postgres-join-store.js'
import { fromRow, type ResultRow, toColumns } from './result-row.js'

const sql = readSql(new URL('./results.sql', import.meta.url), ['store', 'get', 'forget', 'prune'])
prepare(sql.store, sql.get)

const RESULTS = { name: 'results', steps: [new URL('./schema-1.sql', import.meta.url)] }
const JOINS = { name: 'joins', steps: [new URL('./joins-schema-1.sql', import.meta.url)] }

const AT_ONCE = 1000
const STORED_AT_ONCE = 500
/** Rows removed by one statement, so that pruning locks few at a time. */
const PRUNE_BATCH = 1000
/** The approximate interval at which every process with the database open removes expired results. */
const PRUNE_EVERY_MS = 300_000
/** How long a missed notification may go unnoticed. */
const SLOW_POLL_MS = 2000

/**
 * Results in Celery's own tables, which Python's clients and workers read and write too. Creates its tables; old results
 * are removed by the processes that have the database open: no beat is needed.
 * @throws {ConfigurationError | ConnectionError} with a one-line reason.
 */
export async function openPostgresResultBackend(url: string, options: DriverOptions): Promise<ResultBackend> {
  const database = openPostgres(url, postgresOptionsOf(options.settings, 'resultBackendTransportOptions'))
  try {
    await database.migrate(RESULTS)
    await database.migrate(JOINS)
    return new PostgresResultBackend(database, options)
  } catch (error) {
    await database.close()
    throw error
  }
}

class PostgresResultBackend implements ResultBackend {
  readonly kind = 'postgresql'
  readonly expiresItself = true
  readonly location: string
  readonly joins: PostgresJoinStore
  readonly #database: PostgresDatabase
  readonly #options: DriverOptions
  readonly #read: ReadOptions
  readonly #storing = new Batches<ResultRecord>(async (records) => {
    await this.#write(lastOfEach(records))
    return []
  }, STORED_AT_ONCE)
  readonly #watchers: ResultWatchers
  readonly #timers: readonly NodeJS.Timeout[]
  #stopListening: Unsubscribe | undefined
  #letGo: Unsubscribe | undefined

  constructor(database: PostgresDatabase, options: DriverOptions) {
    this.location = database.target.location
    this.#database = database
    this.#options = options
    this.#read = readOptionsOf(options.settings)
    this.joins = new PostgresJoinStore(database, options.clock, this.#read)
    this.#watchers = new ResultWatchers((ids) => this.get(ids), options.logger)
    const expiresMs = Number(options.settings.resultExpires ?? 86_400) * 1000
    const prune = (): void =>
      void this.prune(options.clock.now() - expiresMs).catch((error: unknown) =>
        options.logger.warn({ err: error }, 'could not remove expired results'),
      )
    // Randomised across processes, so that they do not all prune at once.
    const everyMs = PRUNE_EVERY_MS * (0.75 + Math.random() / 2)
    this.#timers = [
      setInterval(() => this.#watchers.look(), SLOW_POLL_MS),
      ...(expiresMs > 0 ? [setInterval(prune, everyMs)] : []),
    ]
    for (const timer of this.#timers) timer.unref()
    offerResultWriter(this, {
      server: database.target.server,
      storeIn: async (session, given) => void (await session.query(sql.store, toColumns(lastOfEach(given)))),
      stored: () => this.#storing.idle(),
    })
  }

  async store(records: readonly ResultRecord[]): Promise<void> {
    await Promise.all(records.map((record) => this.#storing.add(record)))
  }

  async get(ids: readonly string[]): Promise<readonly TaskResult[]> {
    return (await this.#rows(ids)).map((row) => fromRow(row, this.#read))
  }

  watch(ids: readonly string[], on: ResultListener): Unsubscribe {
    this.#stopListening ??= this.#database.listen('lovage_results', (told) => this.#hear(told))
    this.#letGo ??= this.#database.hold()
    const stop = this.#watchers.add(ids, on)
    return () => {
      stop()
      if (this.#watchers.size > 0) return
      this.#letGo?.()
      this.#letGo = undefined
    }
  }

  async forget(ids: readonly string[]): Promise<void> {
    for (let at = 0; at < ids.length; at += AT_ONCE)
      await this.#database.query(sql.forget, [ids.slice(at, at + AT_ONCE)])
  }

  async prune(beforeMs: number): Promise<number> {
    const results = await inBatches(async (limit) => {
      const [row] = await this.#database.query<{ count: number }>(sql.prune, [beforeMs, limit])
      return row?.count ?? 0
    })
    return results + (await inBatches((limit) => this.joins.pruneGroups(beforeMs, limit)))
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await this.#database.close()
  }

  async #rows(ids: readonly string[]): Promise<readonly ResultRow[]> {
    const batches: Promise<readonly ResultRow[]>[] = []
    for (let at = 0; at < ids.length; at += AT_ONCE)
      batches.push(this.#database.query<ResultRow>(sql.get, [ids.slice(at, at + AT_ONCE)]))
    return (await Promise.all(batches)).flat()
  }

  async #write(records: readonly ResultRecord[]): Promise<void> {
    try {
      await this.#database.query(sql.store, toColumns(records))
    } catch (error) {
      // A record that the table cannot hold must neither block the others nor be retried forever.
      if (!/^2[23]/.test(sqlStateOf(error) ?? '')) throw error
      if (records.length > 1) for (const record of records) await this.#write([record])
      else
        this.#options.logger.error(
          { err: error, task_id: records[0]?.id.slice(0, 200) },
          'a result does not fit into its table and is not stored',
        )
    }
  }

  #hear(told: string | undefined): void {
    this.#watchers.look(told?.split(','))
  }
}

/** The final record of each task, in the order of ids, which every batch uses. */
function lastOfEach(records: readonly ResultRecord[]): readonly ResultRecord[] {
  const last = new Map<string, ResultRecord>()
  for (const record of records) if (last.get(record.id)?.state !== 'SUCCESS') last.set(record.id, record)
  return [...last.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** Removes until a batch is not full; returns how many. */
async function inBatches(remove: (limit: number) => Promise<number>): Promise<number> {
  for (let removed = 0; ; ) {
    const batch = await remove(PRUNE_BATCH)
    removed += batch
    if (batch < PRUNE_BATCH) return removed
  }
}
