import type { Clock } from '../../../kernel/index.js'
import type { ReadOptions } from '../../../message/index.js'
import { readSql } from '../../../process/index.js'
import type {
  CompletedJoin,
  HoldOptions,
  Join,
  JoinPart,
  JoinStore,
  ResultTuple,
  TaskState,
} from '../../../result/index.js'
import { completedJoin, DUE_LIMIT, HOLD_MS, savedGroup } from '../../shared/index.js'
import type { PostgresDatabase, Session } from '../client/index.js'
import { countArrivals, type KnownPart, type LockedJoin } from './count-arrivals.js'

const sql = readSql(new URL('./joins.sql', import.meta.url), [
  'open',
  'completeAtOnce',
  'lock',
  'known',
  'expect',
  'take',
  'count',
  'due',
  'parts',
  'finish',
  'saveGroup',
  'group',
  'forgetGroup',
  'pruneGroups',
])

/** The handed-out columns of a join. */
interface JoinRow {
  readonly id: string
  readonly body: string
  readonly shape: string | null
  readonly is_expired: boolean
}

interface PartRow {
  readonly join_id: string
  readonly task_id: string
  readonly place: number | null
  readonly state: TaskState
  readonly result: string
}

/** Joins in PostgreSQL, counted in transactions under a lock on the join's row. */
export class PostgresJoinStore implements JoinStore {
  readonly #database: PostgresDatabase
  readonly #clock: Clock
  readonly #read: ReadOptions

  constructor(database: PostgresDatabase, clock: Clock, read: ReadOptions) {
    this.#read = read
    this.#database = database
    this.#clock = clock
  }

  async open(
    joins: readonly Join[],
    { holdMs = HOLD_MS }: HoldOptions = {},
  ): Promise<readonly CompletedJoin[]> {
    const given = [...new Map(joins.map((join) => [join.id, join])).values()]
    const ids = given.map(({ id }) => id)
    const untilMs = this.#clock.now() + holdMs
    return this.#database.transaction(async (session) => {
      await session.query(sql.open, [
        ids,
        given.map(({ size }) => size),
        given.map(({ body }) => body),
        given.map(({ shape }) => (shape ? JSON.stringify(shape) : null)),
        given.map(({ deadlineMs }) => deadlineMs),
      ])
      return handOut(session, await session.query<JoinRow>(sql.completeAtOnce, [ids, untilMs]), this.#read)
    })
  }

  async extend(id: string, taskIds: readonly string[]): Promise<boolean> {
    return this.#database.transaction(async (session) => {
      const [join] = await session.query<LockedJoin>(sql.lock, [[id]])
      if (!join || join.completed_by !== null || join.is_expired) return false
      await session.query(sql.expect, [id, taskIds])
      return true
    })
  }

  async arrive(
    parts: readonly JoinPart[],
    { holdMs = HOLD_MS }: HoldOptions = {},
  ): Promise<readonly CompletedJoin[]> {
    if (parts.length === 0) return []
    const untilMs = this.#clock.now() + holdMs
    return this.#database.transaction((session) => arrive(session, parts, untilMs, this.#read))
  }

  async due({
    holdMs = HOLD_MS,
    limit = DUE_LIMIT,
  }: HoldOptions & { readonly limit?: number } = {}): Promise<readonly CompletedJoin[]> {
    const nowMs = this.#clock.now()
    return this.#database.transaction(async (session) =>
      handOut(session, await session.query<JoinRow>(sql.due, [nowMs, nowMs + holdMs, limit]), this.#read),
    )
  }

  async finish(ids: readonly string[]): Promise<void> {
    await this.#database.query(sql.finish, [ids])
  }

  async saveGroup(group: ResultTuple): Promise<void> {
    const [[id]] = group
    await this.#database.query(sql.saveGroup, [id, JSON.stringify(group), this.#clock.now()])
  }

  async group(id: string): Promise<ResultTuple | undefined> {
    const [row] = await this.#database.query<{ tuple: string }>(sql.group, [id])
    if (!row) return undefined
    return savedGroup(id, row.tuple)
  }

  async forgetGroup(id: string): Promise<void> {
    await this.#database.query(sql.forgetGroup, [id])
  }

  /** Removes up to `limit` groups that were saved before `beforeMs`; returns how many. */
  async pruneGroups(beforeMs: number, limit: number): Promise<number> {
    const [row] = await this.#database.query<{ count: number }>(sql.pruneGroups, [beforeMs, limit])
    return row?.count ?? 0
  }
}

/** Takes parts inside a transaction; completed joins belong to their taker until `untilMs`. */
async function arrive(
  session: Session,
  parts: readonly JoinPart[],
  untilMs: number,
  read: ReadOptions,
): Promise<readonly CompletedJoin[]> {
  const joinIds = parts.map(({ joinId }) => joinId)
  const joins = await session.query<LockedJoin & JoinRow>(sql.lock, [[...new Set(joinIds)]])
  if (joins.length === 0) return []
  const known = await session.query<KnownPart>(sql.known, [joinIds, parts.map(({ taskId }) => taskId)])
  const { taken, changed, completed } = countArrivals(joins, known, parts)
  if (taken.length > 0)
    await session.query(sql.take, [
      taken.map(({ joinId }) => joinId),
      taken.map(({ taskId }) => taskId),
      taken.map(({ index }) => index),
      taken.map(({ state }) => state),
      taken.map(({ resultJson }) => resultJson),
    ])
  const again = joins.filter(({ id, completed_by }) => completed_by !== null && completed.includes(id))
  const counts = [...changed, ...again]
  if (counts.length > 0)
    await session.query(sql.count, [
      counts.map(({ id }) => id),
      counts.map(({ arrived }) => arrived),
      counts.map(({ completed_by }) => completed_by),
      untilMs,
    ])
  return handOut(
    session,
    joins.filter(({ id }) => completed.includes(id)),
    read,
  )
}

/** Joins with all their parts. */
async function handOut(
  session: Session,
  joins: readonly JoinRow[],
  read: ReadOptions,
): Promise<readonly CompletedJoin[]> {
  if (joins.length === 0) return []
  const parts = new Map<string, Omit<JoinPart, 'joinId'>[]>(joins.map(({ id }) => [id, []]))
  const rows = await session.query<PartRow>(sql.parts, [joins.map(({ id }) => id)])
  for (const { join_id, task_id: taskId, place: index, state, result: resultJson } of rows)
    parts.get(join_id)?.push({ taskId, index, state, resultJson })
  return joins.map(({ id, body, shape, is_expired }) => {
    // Only `open` writes it.
    const nested = shape === null ? {} : { shape: JSON.parse(shape) as ResultTuple }
    return completedJoin({ id, body, ...nested }, parts.get(id) ?? [], is_expired, read)
  })
}
