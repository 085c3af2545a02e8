import type { Session } from './session.js'

/**
 * What a result backend in PostgreSQL offers to a broker in the same database, so that a result is stored in the
 * transaction that acknowledges its task. The two drivers do not know each other; they know this.
 */
export interface PostgresResultWriter<Record = never> {
  /** `PostgresTarget.server` of the results. */
  readonly postgresServer: string
  /** Stores records in a transaction. */
  storeIn(session: Session, records: readonly Record[]): Promise<void>
  /** Resolves when what was handed to `store` before is stored: an earlier state must not come after a later one. */
  stored(): Promise<void>
}

/** Whether a result backend offers that; the record's type is the caller's knowledge. */
export const isPostgresResultWriter = <Record>(value: object): value is PostgresResultWriter<Record> =>
  'postgresServer' in value && 'storeIn' in value
