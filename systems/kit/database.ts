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
