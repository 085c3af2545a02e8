import type { Database } from './database.js'

/**
 * Opens the database of a URL: `sqlite:///path`, `postgresql://…`, SQLAlchemy's `postgresql+asyncpg://…` too.
 * @throws {Error} when there is no URL, or one of another kind.
 */
export async function openDatabase(url: string | undefined): Promise<Database> {
  const plain = (url ?? '').replace(/^(db\+)?(\w+)(\+\w+)?:/, '$2:')
  if (plain.startsWith('sqlite:'))
    return (await import('./sqlite-database.js')).openSqlite(plain.replace(/^sqlite:\/\//, ''))
  if (/^postgres(ql)?:/.test(plain)) return (await import('./postgres-database.js')).openPostgres(plain)
  throw new Error(
    url
      ? `DATABASE_URL names no supported database (${plain.split(':')[0]}:). Use sqlite:///path or postgresql://host/name.`
      : 'DATABASE_URL is not set. Set it to where the data is stored: sqlite:///path or postgresql://host/name.',
  )
}

/**
 * The database of this process, opened on first use with its tables made. A failure is forgotten, so that the next use tries again.
 * @param tables statements of the form `CREATE … IF NOT EXISTS`
 */
export function databaseOf(tables: readonly string[]): () => Promise<Database> {
  let opened: Promise<Database> | undefined
  const open = async (): Promise<Database> => {
    const db = await openDatabase(process.env.DATABASE_URL)
    await db.migrate(tables)
    return db
  }
  return () =>
    (opened ??= open().catch((error: unknown) => {
      opened = undefined
      throw error
    }))
}
