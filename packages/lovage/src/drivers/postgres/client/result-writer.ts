import type { ResultBackend, ResultRecord } from '../../../result/index.js'
import type { Session } from './session.js'

/** The interface of PostgreSQL results to a broker in the same database: a result is stored in the transaction that acks its task. */
export interface PostgresResultWriter {
  /** `PostgresTarget.server` of the results. */
  readonly server: string
  /** Stores records in a transaction. */
  storeIn(session: Session, records: readonly ResultRecord[]): Promise<void>
  /** Resolves when earlier `store` calls are done: an earlier state must not follow a later one. */
  stored(): Promise<void>
}

const writers = new WeakMap<ResultBackend, PostgresResultWriter>()

/** Lets brokers of this process write the results that `backend` would store. */
export function offerResultWriter(backend: ResultBackend, writer: PostgresResultWriter): void {
  writers.set(backend, writer)
}

/** The writer of a backend whose results are on `server`; undefined for any other. */
export function resultWriterOf(
  backend: ResultBackend | undefined,
  server: string,
): PostgresResultWriter | undefined {
  const writer = backend && writers.get(backend)
  return writer?.server === server ? writer : undefined
}
