/** What a statement takes; lists are PostgreSQL arrays. */
export type PostgresValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly (string | number | boolean | null | Uint8Array)[]

/** Where statements run: on any connection of the process, or inside a transaction. */
export interface Session {
  /**
   * Runs one statement and resolves with its rows, by column name. Integers come as numbers, bytea as Buffer, all else
   * as PostgreSQL's text. The caller names the type of its own rows.
   * @throws {ConnectionError} LVG_CONNECTION_FAILED (it may or may not have been carried out), LVG_CONNECTION_REFUSED,
   * LVG_DATABASE_MISSING, LVG_POSTGRES_REFUSED, LVG_STORE_FULL, LVG_CONNECTION_CLOSED.
   */
  query<Row = Record<string, unknown>>(
    statement: string,
    values?: readonly PostgresValue[],
  ): Promise<readonly Row[]>
}
