import { readFileSync } from 'node:fs'
import { sqlStateOf } from './errors.js'
import type { Session } from './session.js'

/** The tables of a room, as append-only steps. */
export interface Migrations {
  /** The room's name in `lovage_schema`. */
  readonly name: string
  /** Files of SQL statements. */
  readonly steps: readonly URL[]
}

/** A database that can be migrated. */
interface Migratable extends Session {
  transaction<Result>(work: (session: Session) => Promise<Result>): Promise<Result>
}

/** Errors of concurrent creators of the same object: a Python process does not know our lock. */
const MADE_MEANWHILE: ReadonlySet<string | undefined> = new Set(['42P07', '23505', '42710', '42701'])
const BASE = new URL('./base.sql', import.meta.url)
/** `undefined_table` */
const NO_TABLE = '42P01'

/** Held during a migration; any number that no other program uses. */
const LOCK = 5_028_331_707

/** Brings a room's tables up to date. The second of two concurrent callers waits for the first and finds it done. */
export async function migrate(database: Migratable, { name, steps }: Migrations): Promise<void> {
  if ((await versionOf(database, name)) >= steps.length) return
  for (let attempt = 1; ; attempt++) {
    try {
      return await database.transaction(async (session) => {
        await session.query('SELECT pg_advisory_xact_lock($1)', [LOCK])
        if (!(await hasBase(session))) await session.query(readFileSync(BASE, 'utf8'))
        const done = await versionOf(session, name)
        for (const step of steps.slice(done)) await session.query(readFileSync(step, 'utf8'))
        if (done < steps.length)
          await session.query(
            'INSERT INTO lovage_schema (name, version) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET version = $2',
            [name, steps.length],
          )
      })
    } catch (error) {
      if (attempt === 3 || !MADE_MEANWHILE.has(sqlStateOf(error))) throw error
    }
  }
}

async function hasBase(session: Session): Promise<boolean> {
  const [row] = await session.query<{ found: boolean }>(
    "SELECT to_regclass('lovage_schema') IS NOT NULL AND to_regproc('lovage_now') IS NOT NULL AS found",
  )
  return row?.found ?? false
}

/** How many steps of a room were done. Finding out needs no right to create anything. */
async function versionOf(session: Session, name: string): Promise<number> {
  try {
    const [row] = await session.query<{ version: number }>(
      'SELECT version FROM lovage_schema WHERE name = $1',
      [name],
    )
    return row?.version ?? 0
  } catch (error) {
    if (sqlStateOf(error) === NO_TABLE) return 0
    throw error
  }
}
