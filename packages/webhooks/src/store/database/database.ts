/** A statement parameter; lists hold texts or numbers. */
export type SqlValue = string | number | null | Uint8Array | readonly string[] | readonly number[]

/** A session that runs statements. */
export interface SqlSession {
  /** Runs a statement of ours (see `statements.ts`). The caller names the type of its rows; whole numbers come as numbers, bytes as Buffers. */
  query<Row = Readonly<Record<string, unknown>>>(
    statement: string,
    values?: readonly SqlValue[],
  ): Promise<readonly Row[]>
}

/** A session in a transaction of ours. Statements that are not awaited one by one go to the server together, and run in their order. */
export interface SqlTransaction extends SqlSession {
  /** Runs a statement whose rows are not needed together with the commit; if it fails, the transaction fails. */
  later(statement: string, values?: readonly SqlValue[]): void
}

/** A database. */
export interface SqlDatabase extends SqlSession {
  readonly kind: 'postgres' | 'sqlite'
  readonly shownUrl: string
  /**
   * Runs statements as one transaction, undone when `work` throws; `work` may run again after a deadlock. With `isBrief` the commit does
   * not wait for the disk: for data that may be lost if the server's machine dies.
   */
  transaction<Result>(
    work: (session: SqlTransaction) => Promise<Result>,
    options?: { readonly isBrief?: boolean },
  ): Promise<Result>
  /** Runs statements in the caller's transaction. */
  within(transaction: {
    query(text: string, values?: unknown[]): Promise<{ rows: readonly unknown[] }>
  }): SqlSession
  close(): Promise<void>
}
