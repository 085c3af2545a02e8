/** A statement's parameters; lists are PostgreSQL arrays. */
export type PostgresValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly (string | number | boolean | null | Uint8Array)[]

/** Runs statements: on any connection of the process, or inside a transaction. */
export interface Session {
  /**
   * Runs one statement and resolves to its rows, by column name. Integers come as numbers, bytea as Buffer, all else
   * as PostgreSQL's text. The caller specifies the type of its rows.
   * @throws {ConnectionError} LVG_CONNECTION_FAILED (it may or may not have been executed), LVG_CONNECTION_REFUSED,
   * LVG_DATABASE_MISSING, LVG_POSTGRES_REFUSED, LVG_STORE_FULL, LVG_CONNECTION_CLOSED.
   */
  query<Row = Record<string, unknown>>(
    statement: string,
    values?: readonly PostgresValue[],
  ): Promise<readonly Row[]>
}
