import type { DriverOptions, Timer, Unsubscribe } from '../../../kernel/index.js'
import type { ReadOptions } from '../../../message/index.js'
import type { ResultBackend, ResultRecord, TaskResult } from '../../../result/index.js'
import { type ResultListener, ResultWatchers, readOptionsOf } from '../../shared/index.js'
import { openSqliteFile, type SqliteFile } from '../file/index.js'
import type program from './program.js'
import { offerResultFile } from './result-files.js'
import { fromRow, toRow } from './result-row.js'
import { openSqliteJoins, type SqliteJoinStore } from './sqlite-join-store.js'

/** Rows removed in one transaction, so that pruning never holds the file for long. */
const PRUNE_BATCH = 1000
/** The approximate interval at which every process with the file open removes expired results. */
const PRUNE_EVERY_MS = 60_000
/** How long a missed ring may go unnoticed. */
const SLOW_POLL_MS = 1000

const PROGRAM = new URL('./program.js', import.meta.url)

const load = (file: SqliteFile) => file.load<typeof program>(PROGRAM)
type ResultProcedures = Awaited<ReturnType<typeof load>>

/**
 * Results in a SQLite file, beside the embedded broker's messages. Old results are removed by the processes that have the file
 * open: no beat is needed.
 */
export async function openSqliteResultBackend(url: string, options: DriverOptions): Promise<ResultBackend> {
  const file = await openSqliteFile(url)
  try {
    const procedures = await load(file)
    return new SqliteResultBackend(file, procedures, await openSqliteJoins(file, options), options)
  } catch (error) {
    await file.close()
    throw error
  }
}

class SqliteResultBackend implements ResultBackend {
  readonly kind = 'sqlite'
  readonly expiresItself = true
  readonly location: string
  readonly joins: SqliteJoinStore
  readonly #file: SqliteFile
  readonly #procedures: ResultProcedures
  readonly #options: DriverOptions
  readonly #read: ReadOptions
  readonly #watchers: ResultWatchers
  readonly #stopWatching: Unsubscribe
  readonly #poll: NodeJS.Timeout
  #pruning: Timer | undefined

  constructor(
    file: SqliteFile,
    procedures: ResultProcedures,
    joins: SqliteJoinStore,
    options: DriverOptions,
  ) {
    this.location = file.path
    this.joins = joins
    this.#file = file
    this.#procedures = procedures
    this.#options = options
    this.#read = readOptionsOf(options.settings)
    this.#watchers = new ResultWatchers((ids) => this.get(ids), options.logger)
    offerResultFile(this, file.path)
    this.#stopWatching = file.watch('results', () => this.#watchers.look())
    this.#poll = setInterval(() => this.#watchers.look(), SLOW_POLL_MS).unref()
    const expiresMs = Number(options.settings.resultExpires ?? 86_400) * 1000
    if (expiresMs > 0) this.#pruneEvery(expiresMs)
  }

  #pruneEvery(expiresMs: number): void {
    const { clock, logger } = this.#options
    // Randomised across processes, so that they do not all prune at once.
    this.#pruning = clock.setTimer(
      () => {
        this.prune(clock.now() - expiresMs).catch((error: unknown) =>
          logger.warn({ err: error }, 'could not remove expired results'),
        )
        this.#pruneEvery(expiresMs)
      },
      PRUNE_EVERY_MS * (0.75 + Math.random() / 2),
    )
  }

  async store(records: readonly ResultRecord[]): Promise<void> {
    const nowMs = this.#options.clock.now()
    await this.#procedures.call(
      'store',
      records.map((record) => toRow(record, nowMs)),
    )
  }

  async get(ids: readonly string[]): Promise<readonly TaskResult[]> {
    return (await this.#procedures.call('get', ids)).map((row) => fromRow(row, this.#read))
  }

  watch(ids: readonly string[], on: ResultListener): Unsubscribe {
    return this.#watchers.add(ids, on)
  }

  async forget(ids: readonly string[]): Promise<void> {
    await this.#procedures.call('forget', ids)
  }

  async prune(beforeMs: number): Promise<number> {
    return (
      (await inBatches((limit) => this.#procedures.call('prune', { beforeMs, limit }))) +
      (await inBatches((limit) => this.joins.pruneGroups(beforeMs, limit)))
    )
  }

  async close(): Promise<void> {
    clearInterval(this.#poll)
    this.#pruning?.cancel()
    this.#stopWatching()
    await this.#file.close()
  }
}

/** Removes until a batch is not full; returns how many. */
async function inBatches(remove: (limit: number) => Promise<number>): Promise<number> {
  for (let removed = 0; ; ) {
    const batch = await remove(PRUNE_BATCH)
    removed += batch
    if (batch < PRUNE_BATCH) return removed
  }
}
