import type { ResultBackend, ResultRecord } from '../../../result/index.js'
import type { Session } from './session.js'

/** What results in PostgreSQL offer to a broker in the same database: a result is stored in the transaction that acknowledges its task. */
export interface PostgresResultWriter {
  /** `PostgresTarget.server` of the results. */
  readonly server: string
  /** Stores records in a transaction. */
  storeIn(session: Session, records: readonly ResultRecord[]): Promise<void>
  /** Resolves when what was handed to `store` before is stored: an earlier state must not come after a later one. */
  stored(): Promise<void>
}

const writers = new WeakMap<ResultBackend, PostgresResultWriter>()

/** Lets brokers of this process write what `backend` would store. */
export function offerResultWriter(backend: ResultBackend, writer: PostgresResultWriter): void {
  writers.set(backend, writer)
}

/** The writer of a backend whose results lie on `server`; undefined for any other. */
export function resultWriterOf(
  backend: ResultBackend | undefined,
  server: string,
): PostgresResultWriter | undefined {
  const writer = backend && writers.get(backend)
  return writer?.server === server ? writer : undefined
}
