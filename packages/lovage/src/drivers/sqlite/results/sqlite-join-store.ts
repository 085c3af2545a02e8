import type { Clock, DriverOptions } from '../../../kernel/index.js'
import type { ReadOptions } from '../../../message/index.js'
import type {
  CompletedJoin,
  HoldOptions,
  Join,
  JoinPart,
  JoinStore,
  ResultTuple,
} from '../../../result/index.js'
import { DUE_LIMIT, HOLD_MS, readOptionsOf, savedGroup } from '../../shared/index.js'
import type { SqliteFile } from '../file/index.js'
import { joinOf } from './join-row.js'
import type program from './joins-program.js'

const PROGRAM = new URL('./joins-program.js', import.meta.url)
const load = (file: SqliteFile) => file.load<typeof program>(PROGRAM)

/** Prepares the joins of a file; the opener of the file closes it. */
export async function openSqliteJoins(
  file: SqliteFile,
  options: Pick<DriverOptions, 'clock' | 'settings'>,
): Promise<SqliteJoinStore> {
  return new SqliteJoinStore(await load(file), options)
}

/** Joins in a SQLite file, counted in transactions. */
export class SqliteJoinStore implements JoinStore {
  readonly #procedures: Awaited<ReturnType<typeof load>>
  readonly #clock: Clock
  readonly #read: ReadOptions

  constructor(
    procedures: Awaited<ReturnType<typeof load>>,
    { clock, settings }: Pick<DriverOptions, 'clock' | 'settings'>,
  ) {
    this.#procedures = procedures
    this.#clock = clock
    this.#read = readOptionsOf(settings)
  }

  async open(
    joins: readonly Join[],
    { holdMs = HOLD_MS }: HoldOptions = {},
  ): Promise<readonly CompletedJoin[]> {
    const nowMs = this.#clock.now()
    return (await this.#procedures.call('open', { joins, nowMs, holdMs })).map((row) =>
      joinOf(row, this.#read),
    )
  }
  async arrive(
    parts: readonly JoinPart[],
    { holdMs = HOLD_MS }: HoldOptions = {},
  ): Promise<readonly CompletedJoin[]> {
    const nowMs = this.#clock.now()
    return (await this.#procedures.call('arrive', { parts, nowMs, holdMs })).map((row) =>
      joinOf(row, this.#read),
    )
  }
  extend(id: string, taskIds: readonly string[]): Promise<boolean> {
    return this.#procedures.call('extend', { id, taskIds })
  }
  async due({
    holdMs = HOLD_MS,
    limit = DUE_LIMIT,
  }: HoldOptions & { readonly limit?: number } = {}): Promise<readonly CompletedJoin[]> {
    const nowMs = this.#clock.now()
    return (await this.#procedures.call('due', { nowMs, holdMs, limit })).map((row) =>
      joinOf(row, this.#read),
    )
  }
  async finish(ids: readonly string[]): Promise<void> {
    await this.#procedures.call('finish', ids)
  }
  async saveGroup(group: ResultTuple): Promise<void> {
    const [[id]] = group
    await this.#procedures.call('saveGroup', { id, tuple: JSON.stringify(group), nowMs: this.#clock.now() })
  }
  async group(id: string): Promise<ResultTuple | undefined> {
    const tuple = await this.#procedures.call('group', id)
    if (tuple === undefined) return undefined
    return savedGroup(id, tuple)
  }
  async forgetGroup(id: string): Promise<void> {
    await this.#procedures.call('forgetGroup', id)
  }
  /** Removes up to `limit` groups that were saved before `beforeMs`; returns how many. */
  pruneGroups(beforeMs: number, limit: number): Promise<number> {
    return this.#procedures.call('pruneGroups', { beforeMs, limit })
  }
}
