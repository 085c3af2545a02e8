/** What a column may hold. */
export type Value = string | number | null | Uint8Array
/** A row, by the names of its columns. */
export type Row = { readonly [column: string]: Value }

/** Something that runs statements: a database, or a transaction of one. */
export interface Sql {
  /**
   * Runs one statement; its parameters stand as `$1`, `$2` … in the text. Resolves with the rows that it returns. `R` is the caller's
   * word for what the statement selects.
   */
  query<R extends Row = Row>(text: string, values?: readonly Value[]): Promise<readonly R[]>
}

/** A transaction that somebody ends. */
export interface Transaction extends Sql {
  commit(): Promise<void>
  rollback(): Promise<void>
}

/**
 * A system's own data: SQLite in development, PostgreSQL in production. Statements keep to what both understand: `$1`,
 * `ON CONFLICT`, `RETURNING`, `BIGINT`, `TEXT`; times are milliseconds since 1970.
 */
export interface Database extends Sql {
  readonly kind: 'sqlite' | 'postgresql'
  /** Begins a transaction, which must be ended. */
  begin(): Promise<Transaction>
  /** Runs `work` in a transaction: committed when it resolves, rolled back when it rejects. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** Runs statements of the form `CREATE … IF NOT EXISTS`, one process at a time. */
  migrate(statements: readonly string[]): Promise<void>
  close(): Promise<void>
}

/** Runs work in a transaction: committed when it resolves, rolled back when it rejects. */
export async function inTransaction<T>(
  { begin }: Pick<Database, 'begin'>,
  work: (sql: Sql) => Promise<T>,
): Promise<T> {
  const transaction = await begin()
  let result: T
  try {
    result = await work(transaction)
  } catch (error) {
    await transaction.rollback()
    throw error
  }
  await transaction.commit()
  return result
}

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
