/** Whose time, on which course. */
export interface Learner {
  readonly userId: bigint
  readonly courseId: string
  readonly enterpriseUuid: string
}

/** Where learning times are known. */
export interface Warehouse {
  readonly name: string
  /**
   * Seconds that a learner has spent, whole and exact; null = nothing is known. Ends, there and here, when the signal is aborted.
   * @throws {Error} when the warehouse does not answer, or refuses.
   */
  learningTime(learner: Learner, signal: AbortSignal): Promise<bigint | null>
  /** Asks something small; tells what answered. */
  check(signal: AbortSignal): Promise<string>
  close(): Promise<void>
}

/** Names of databases, schemas and tables, which cannot be bound: letters, digits and `_`, with dots between. */
const IDENTIFIER = /^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)*$/

/** The one statement; `?` stands for what is bound: user, course run, enterprise. */
export function statementOn(table: string): string {
  if (!IDENTIFIER.test(table)) throw new Error(`${JSON.stringify(table)} is not a valid table name.`)
  return `SELECT SUM(LEARNING_TIME_SECONDS) AS total_learning_time FROM ${table} WHERE USER_ID = ? AND COURSERUN_KEY = ? AND ENTERPRISE_CUSTOMER_UUID = ?`
}
