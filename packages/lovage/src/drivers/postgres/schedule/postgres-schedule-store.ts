import type { DriverOptions, Unsubscribe } from '../../../kernel/index.js'
import { readSql } from '../../../process/index.js'
import {
  type Advance,
  type AdvanceReply,
  decodeDefinition,
  type Entry,
  type EntryPut,
  encodeDefinition,
  type ScheduleStore,
} from '../../../schedule-store/index.js'
import { openPostgres, type PostgresDatabase, postgresOptionsOf, type Session } from '../client/index.js'

const sql = readSql(new URL('./schedule.sql', import.meta.url), [
  'load',
  'add',
  'change',
  'delete',
  'advance',
  'fence',
  'tell',
])
const SCHEDULE = { name: 'schedule', steps: [new URL('./schema-1.sql', import.meta.url)] }
const CHANNEL = 'lovage_schedule'
/** How long a missed notification may go unnoticed. */
const SLOW_POLL_MS = 5_000

/**
 * Opens the entries of the app `space` in the database that a `postgresql://` URL names, and creates its tables.
 *
 * @throws ConfigurationError for an invalid URL; ConnectionError when the database cannot be used.
 */
export async function openPostgresScheduleStore(
  url: string,
  space: string,
  { settings }: DriverOptions,
): Promise<ScheduleStore> {
  const database = openPostgres(url, postgresOptionsOf(settings))
  try {
    await database.migrate(SCHEDULE)
    return new PostgresScheduleStore(database, space)
  } catch (error) {
    await database.close()
    throw error
  }
}

class PostgresScheduleStore implements ScheduleStore {
  readonly kind = 'postgresql'
  readonly location: string
  readonly #database: PostgresDatabase
  readonly #space: string
  readonly #polls = new Set<NodeJS.Timeout>()

  constructor(database: PostgresDatabase, space: string) {
    this.location = database.target.location
    this.#database = database
    this.#space = space
  }

  async load(): Promise<readonly Entry[]> {
    return (await this.#database.query<EntryRow>(sql.load, [this.#space])).map(entryOf)
  }

  put(puts: readonly EntryPut[]): Promise<readonly boolean[]> {
    return this.#database.transaction(async (session) => {
      const written = new Set([
        ...(await this.#add(
          session,
          puts.filter(({ entry }) => entry.revision === 0),
        )),
        ...(await this.#change(
          session,
          puts.filter(({ entry }) => entry.revision !== 0),
        )),
      ])
      if (written.size > 0) await session.query(sql.tell, [this.#space])
      return puts.map(({ entry }) => written.has(entry.name))
    })
  }

  delete(entries: readonly Pick<Entry, 'name' | 'revision'>[]): Promise<number> {
    return this.#database.transaction(async (session) => {
      const { length } = await session.query(sql.delete, [
        this.#space,
        entries.map(({ name }) => name),
        entries.map(({ revision }) => revision),
      ])
      if (length > 0) await session.query(sql.tell, [this.#space])
      return length
    })
  }

  advance(advances: readonly Advance[], token?: bigint): Promise<AdvanceReply> {
    return this.#database.transaction(async (session) => {
      if (token !== undefined && (await session.query(sql.fence, [this.#space, token])).length === 0)
        return { fenced: true, written: advances.map(() => false) }
      const written = new Set<Advance>()
      for (const wave of wavesOf(advances)) {
        const names = new Set(await this.#advance(session, wave))
        for (const advance of wave) if (names.has(advance.name)) written.add(advance)
      }
      return { fenced: false, written: advances.map((advance) => written.has(advance)) }
    })
  }

  watch(on: () => void): Unsubscribe {
    const stop = this.#database.listen(CHANNEL, (told) => {
      if (told === undefined || told === this.#space) on()
    })
    const poll = setInterval(on, SLOW_POLL_MS).unref()
    this.#polls.add(poll)
    return () => {
      stop()
      clearInterval(poll)
      this.#polls.delete(poll)
    }
  }

  async close(): Promise<void> {
    for (const poll of this.#polls) clearInterval(poll)
    await this.#database.close()
  }

  async #add(session: Session, puts: readonly EntryPut[]): Promise<readonly string[]> {
    if (puts.length === 0) return []
    const entries = puts.map(({ entry }) => entry)
    const states = puts.map(({ entry: { state }, restartMs }) =>
      restartMs === undefined ? state : { ...state, anchorMs: restartMs, cursorMs: restartMs },
    )
    const rows = await session.query<{ name: string }>(sql.add, [
      this.#space,
      entries.map(({ name }) => name),
      ...definitionColumns(entries),
      states.map(({ anchorMs }) => anchorMs),
      states.map(({ cursorMs }) => cursorMs),
      states.map(({ lastTickMs }) => lastTickMs),
      states.map(({ lastRunMs }) => lastRunMs),
      states.map(({ lastTaskId }) => lastTaskId),
      states.map(({ totalRunCount }) => totalRunCount),
    ])
    return rows.map(({ name }) => name)
  }

  async #change(session: Session, puts: readonly EntryPut[]): Promise<readonly string[]> {
    if (puts.length === 0) return []
    const entries = puts.map(({ entry }) => entry)
    const rows = await session.query<{ name: string }>(sql.change, [
      this.#space,
      entries.map(({ name }) => name),
      entries.map(({ revision }) => revision),
      ...definitionColumns(entries),
      puts.map(({ restartMs }) => restartMs ?? null),
    ])
    return rows.map(({ name }) => name)
  }

  async #advance(session: Session, advances: readonly Advance[]): Promise<readonly string[]> {
    const rows = await session.query<{ name: string }>(sql.advance, [
      this.#space,
      advances.map(({ name }) => name),
      advances.map(({ fromCursorMs }) => fromCursorMs),
      advances.map(({ cursorMs }) => cursorMs),
      advances.map(({ anchorMs }) => anchorMs),
      advances.map(({ run }) => run?.tickMs ?? null),
      advances.map(({ run }) => run?.atMs ?? null),
      advances.map(({ run }) => run?.taskId ?? null),
      advances.map(({ run }) => run?.count ?? 0),
    ])
    return rows.map(({ name }) => name)
  }
}

/** Columns that users set, in the order of both statements. */
const definitionColumns = (entries: readonly Entry[]) => [
  entries.map(({ definition }) => encodeDefinition(definition)),
  entries.map(({ code }) => (code === null ? null : encodeDefinition(code))),
  entries.map(({ changed }) => JSON.stringify(changed)),
  entries.map(({ removed }) => removed),
]

/** Lists in which a name occurs once, in the order of its advances. */
function wavesOf(advances: readonly Advance[]): readonly (readonly Advance[])[] {
  const waves: Advance[][] = []
  const seen = new Map<string, number>()
  for (const advance of advances) {
    const wave = seen.get(advance.name) ?? 0
    seen.set(advance.name, wave + 1)
    const list = waves[wave]
    if (list) list.push(advance)
    else waves[wave] = [advance]
  }
  return waves
}

interface EntryRow {
  readonly name: string
  readonly revision: number
  readonly definition: string
  readonly code: string | null
  readonly changed: string
  readonly removed: boolean
  readonly anchor_ms: number
  readonly cursor_ms: number
  readonly last_tick_ms: number | null
  readonly last_run_ms: number | null
  readonly last_task_id: string | null
  readonly total_run_count: number
}

function entryOf(row: EntryRow): Entry {
  return {
    name: row.name,
    definition: decodeDefinition(row.definition),
    code: row.code === null ? null : decodeDefinition(row.code),
    changed: JSON.parse(row.changed),
    removed: row.removed,
    revision: row.revision,
    state: {
      anchorMs: row.anchor_ms,
      cursorMs: row.cursor_ms,
      lastTickMs: row.last_tick_ms,
      lastRunMs: row.last_run_ms,
      lastTaskId: row.last_task_id,
      totalRunCount: row.total_run_count,
    },
  }
}
