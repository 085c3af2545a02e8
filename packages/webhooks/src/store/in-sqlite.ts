import type { CallerTransaction } from '../domain/index.js'

/** The common interface of libsql, better-sqlite3 and similar libraries. */
interface SqliteConnection {
  prepare(statement: string): {
    readonly reader: boolean
    all(...values: unknown[]): unknown[]
    run(...values: unknown[]): unknown
  }
}

/**
 * The caller's transaction on the store's SQLite file, for `send(event, { transaction: inSqlite(database) })` between `BEGIN IMMEDIATE`
 * and `COMMIT`. `database` is a connection of libsql or better-sqlite3.
 *
 * @example
 * import { inSqlite, webhooks } from '@lovage/webhooks'
 * const sendWithin = (database: object) =>
 *   webhooks(app).send({ type: 'invoice.paid', data: { id: 7 } }, { transaction: inSqlite(database) })
 */
export function inSqlite(database: object): CallerTransaction {
  // Both libraries' declarations of `prepare` are narrower than what they take.
  const connection = database as SqliteConnection
  return {
    async query(text, values = []) {
      const statement = connection.prepare(text)
      if (statement.reader) return { rows: statement.all(...values) }
      statement.run(...values)
      return { rows: [] }
    },
  }
}
