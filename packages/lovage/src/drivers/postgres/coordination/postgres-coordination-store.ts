import {
  type CallersTransaction,
  type CoordinationStore,
  type LeaseGrant,
  type Mark,
  type MarkListener,
  type MarkReplacement,
  OPEN_KEY,
  type RateRequest,
  type SlotRequest,
  type TurnRequest,
} from '../../../coordination/index.js'
import type { DriverOptions, Logger, Unsubscribe } from '../../../kernel/index.js'
import { readSql } from '../../../process/index.js'
import { takeTurn, tryTurns } from '../../shared/index.js'
import { openPostgres, type PostgresDatabase, postgresOptionsOf, sqlStateOf } from '../client/index.js'
import { marksWithin } from './marks-within.js'

const statements = readSql(new URL('./coordination.sql', import.meta.url), [
  'renew',
  'grant',
  'release',
  'lockTurns',
  'putTurns',
  'lockSlots',
  'members',
  'putSlots',
  'dropSlots',
  'replaceMarks',
  'listMarks',
  'dropMarks',
  'tell',
  'sweepLeases',
  'sweepTurns',
  'sweepSlots',
  'sweepMarks',
])
const sql = {
  ...statements,
  ...readSql(new URL('./marks.sql', import.meta.url), ['putMarks', 'openMarks']),
}
const COORDINATION = { name: 'coordination', steps: [new URL('./schema-1.sql', import.meta.url)] }

/** How long a missed notification may go unnoticed. */
const SLOW_POLL_MS = 30_000
/** A notification holds 8000 bytes; a list of keys that does not fit stands for any key. */
const LONGEST_NOTIFICATION = 7_000
/** Between a space and the changed keys: occurs in neither. */
const SEPARATOR = '\x1f'
/** The server's code for a lock that did not come free in time. */
const LOCK_TIMEOUT = '55P03'
/** The approximate interval at which every process removes expired rows. */
const SWEEP_EVERY_MS = 300_000

/** Opens the store in the database that a `postgresql://` URL names, and creates its tables. */
export async function openPostgresCoordinationStore(
  url: string,
  { settings, logger }: DriverOptions,
): Promise<CoordinationStore> {
  const database = openPostgres(url, postgresOptionsOf(settings))
  try {
    await database.migrate(COORDINATION)
    return new PostgresCoordinationStore(database, logger)
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Coordination among processes that share a PostgreSQL database. Time is the server's. */
class PostgresCoordinationStore implements CoordinationStore {
  readonly kind = 'postgresql'
  readonly #database: PostgresDatabase
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor(database: PostgresDatabase, logger: Logger) {
    this.#database = database
    const sweep = (): void =>
      void this.#sweep().catch((error: unknown) =>
        logger.warn({ err: error }, 'could not remove expired leases and marks'),
      )
    this.#every(SWEEP_EVERY_MS * (0.75 + Math.random() / 2), sweep)
  }

  async acquire(name: string, holder: string, ttlMs: number): Promise<LeaseGrant | undefined> {
    const values = [name, holder, Math.ceil(ttlMs)]
    // Renewed again after a failed grant: another call may have granted it to the same holder meanwhile.
    for (const statement of [sql.renew, sql.grant, sql.renew]) {
      const [row] = await this.#database.query<{ token: number; expires_ms: number }>(statement, values)
      if (row) return { token: BigInt(row.token), expiresMs: row.expires_ms }
    }
    return undefined
  }

  async release(name: string, token: bigint): Promise<void> {
    await this.#database.query(sql.release, [name, token])
  }

  async takeTurns(requests: readonly RateRequest[]): Promise<readonly number[]> {
    const keys = [...new Set(requests.map(({ key }) => key))]
    return this.#database.transaction(async (session) => {
      const rows = await session.query<{ key: string; next_ms: number; now_ms: number }>(sql.lockTurns, [
        keys,
      ])
      // After the last lock is acquired: a caller that had to wait for it must not receive an earlier time.
      const nowMs = Math.max(...rows.map(({ now_ms }) => now_ms))
      const next = new Map(rows.map(({ key, next_ms }) => [key, next_ms]))
      const turns = requests.map(({ key, intervalMs, burst }) => {
        const { atMs, nextMs } = takeTurn(next.get(key), nowMs, intervalMs, burst)
        next.set(key, nextMs)
        return atMs
      })
      await session.query(sql.putTurns, [[...next.keys()], [...next.values()]])
      return turns
    })
  }

  async tryTurns(groups: readonly (readonly TurnRequest[])[]): Promise<readonly (readonly number[])[]> {
    const keys = [...new Set(groups.flatMap((group) => group.map(({ key }) => key)))]
    if (keys.length === 0) return groups.map(() => [])
    return this.#database.transaction(async (session) => {
      const rows = await session.query<{ key: string; next_ms: number; now_ms: number }>(sql.lockTurns, [
        keys,
      ])
      const nowMs = Math.max(...rows.map(({ now_ms }) => now_ms))
      const next = new Map(rows.map(({ key, next_ms }) => [key, next_ms]))
      const waits = groups.map((group) => tryTurns(group, next, nowMs))
      await session.query(sql.putTurns, [[...next.keys()], [...next.values()]])
      return waits
    })
  }

  async enter(requests: readonly SlotRequest[]): Promise<readonly boolean[]> {
    const keys = [...new Set(requests.map(({ key }) => key))]
    return this.#database.transaction(async (session) => {
      await session.query(sql.lockSlots, [keys])
      const inside = new Map<string, Set<string>>(keys.map((key) => [key, new Set()]))
      const rows = await session.query<{ key: string; member: string }>(sql.members, [keys])
      for (const { key, member } of rows) inside.get(key)?.add(member)
      const entered = new Map<string, SlotRequest>()
      const answers = requests.map((request) => {
        const members = inside.get(request.key) ?? new Set()
        if (!members.has(request.member) && members.size >= request.limit) return false
        members.add(request.member)
        entered.set(JSON.stringify([request.key, request.member]), request)
        return true
      })
      const places = [...entered.values()]
      await session.query(sql.putSlots, [
        places.map(({ key }) => key),
        places.map(({ member }) => member),
        places.map(({ ttlMs }) => Math.ceil(ttlMs)),
      ])
      return answers
    })
  }

  async leave(places: readonly { readonly key: string; readonly member: string }[]): Promise<void> {
    await this.#database.query(sql.dropSlots, [
      places.map(({ key }) => key),
      places.map(({ member }) => member),
    ])
  }

  async put(
    space: string,
    marks: readonly Mark[],
    { ifAbsent = false }: { readonly ifAbsent?: boolean } = {},
  ): Promise<readonly Mark[]> {
    // Of several marks under one key the last applies, or with `ifAbsent` the first.
    const ordered = ifAbsent ? [...marks].reverse() : marks
    const given = [...new Map(ordered.map((mark) => [mark.key, mark])).values()]
    const standing = new Map<string, Mark>()
    const write = this.#database.transaction(async (session) => {
      const written = await session.query<{ key: string }>(sql.putMarks, [
        space,
        given.map(({ key }) => key),
        given.map(({ value }) => value),
        given.map(({ expiresMs }) => (expiresMs === undefined ? null : Math.ceil(expiresMs))),
        ifAbsent,
      ])
      const own = new Set(written.map(({ key }) => key))
      for (const mark of given) if (own.has(mark.key)) standing.set(mark.key, mark)
      const others = given.flatMap(({ key }) => (own.has(key) ? [] : [key]))
      if (others.length > 0)
        for (const row of await session.query<MarkRow>(sql.listMarks, [space, others]))
          standing.set(row.key, markOf(row))
      if (own.size > 0) await session.query(sql.tell, [changeText(space, [...own])])
    })
    await write.catch((error: unknown) => {
      // A transaction took one of the keys at this moment: it is looked at again.
      if (!ifAbsent || sqlStateOf(error) !== LOCK_TIMEOUT) throw error
      standing.clear()
    })
    const unknown = given.flatMap(({ key }) => (standing.has(key) ? [] : [key]))
    if (unknown.length > 0)
      for (const { key } of await this.#database.query<{ key: string }>(sql.openMarks, [space, unknown]))
        standing.set(key, { key, value: OPEN_KEY })
    // The winning mark was removed at the same moment: there is room again.
    const left = given.filter(({ key }) => !standing.has(key))
    if (left.length > 0)
      for (const mark of await this.put(space, left, { ifAbsent })) standing.set(mark.key, mark)
    return marks.map((mark) => standing.get(mark.key) ?? mark)
  }

  async replace(space: string, replacements: readonly MarkReplacement[]): Promise<readonly boolean[]> {
    const replaced = await this.#database.query<{ key: string }>(sql.replaceMarks, [
      space,
      replacements.map(({ mark }) => mark.key),
      replacements.map(({ was }) => was),
      replacements.map(({ mark }) => mark.value),
      replacements.map(({ mark: { expiresMs } }) => (expiresMs === undefined ? null : Math.ceil(expiresMs))),
    ])
    const keys = new Set(replaced.map(({ key }) => key))
    if (keys.size > 0) await this.#database.query(sql.tell, [changeText(space, [...keys])])
    return replacements.map(({ mark }) => keys.has(mark.key))
  }

  async list(space: string, keys?: readonly string[]): Promise<readonly Mark[]> {
    return (await this.#database.query<MarkRow>(sql.listMarks, [space, keys ?? null])).map(markOf)
  }

  async remove(
    space: string,
    marks: readonly { readonly key: string; readonly value?: string }[],
  ): Promise<number> {
    const removed = await this.#database.query<{ key: string }>(sql.dropMarks, [
      space,
      marks.map(({ key }) => key),
      marks.map(({ value }) => value ?? null),
    ])
    const gone = removed.map(({ key }) => key)
    if (gone.length > 0) await this.#database.query(sql.tell, [changeText(space, gone)])
    return removed.length
  }

  watch(space: string, on: MarkListener): Unsubscribe {
    const stop = this.#database.listen('lovage_marks', (told) => {
      const [name, keys] = told?.split(SEPARATOR) ?? []
      if (told === undefined || name === space) on(keys === undefined ? undefined : readKeys(keys))
    })
    // A lost listening connection reports by itself that changes may have been missed.
    const end = this.#every(SLOW_POLL_MS, () => on())
    return () => {
      stop()
      end()
    }
  }

  within(transaction: CallersTransaction): Pick<CoordinationStore, 'put' | 'remove'> {
    return marksWithin(transaction, sql, changeText)
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await this.#database.close()
  }

  async #sweep(): Promise<void> {
    for (const statement of [sql.sweepLeases, sql.sweepTurns, sql.sweepSlots, sql.sweepMarks])
      await this.#database.query(statement)
  }

  #every(intervalMs: number, on: () => void): Unsubscribe {
    const timer = setInterval(on, intervalMs).unref()
    this.#timers.add(timer)
    return () => {
      clearInterval(timer)
      this.#timers.delete(timer)
    }
  }
}

interface MarkRow {
  readonly key: string
  readonly value: string
  readonly expires_ms: number | null
}

const markOf = ({ key, value, expires_ms: expiresMs }: MarkRow): Mark => ({
  key,
  value,
  ...(expiresMs === null ? {} : { expiresMs }),
})

/** The notification of a change: the space, and the keys as JSON unless they are many. */
function changeText(space: string, keys: readonly string[]): string {
  const text = space + SEPARATOR + JSON.stringify(keys)
  return Buffer.byteLength(text) > LONGEST_NOTIFICATION ? space : text
}

function readKeys(text: string): readonly string[] | undefined {
  try {
    const keys: unknown = JSON.parse(text)
    return Array.isArray(keys) && keys.every((key) => typeof key === 'string') ? keys : undefined
  } catch {
    return undefined
  }
}
