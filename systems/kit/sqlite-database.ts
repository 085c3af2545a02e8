import Libsql from 'libsql'
import type { Database, Row, Sql, Value } from './database.js'

/** Opens an SQLite file. One connection a process: its transactions take turns, those of other processes are waited for. */
export function openSqlite(path: string): Database {
  const file = new Libsql(path)
  file.pragma('journal_mode = WAL')
  file.pragma('synchronous = NORMAL')
  file.pragma('busy_timeout = 5000')
  let turn: Promise<unknown> = Promise.resolve()

  // Whatever came before, well or badly, the next one's turn comes.
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work, work)
    turn = result.catch(() => {})
    return result
  }
  const run = <R extends Row>(text: string, values: readonly Value[] = []): readonly R[] => {
    const statement = file.prepare(text.replace(/\$(\d+)/g, '?$1'))
    // The caller says what its statement selects.
    if (statement.reader) return statement.all(...values) as R[]
    statement.run(...values)
    return []
  }
  const open: Sql = { query: async (text, values) => run(text, values) }

  return {
    kind: 'sqlite',
    query: (text, values) => inTurn(() => open.query(text, values)),
    transaction: (work) =>
      inTurn(async () => {
        file.exec('BEGIN IMMEDIATE')
        try {
          const result = await work(open)
          file.exec('COMMIT')
          return result
        } catch (error) {
          file.exec('ROLLBACK')
          throw error
        }
      }),
    migrate: (statements) =>
      inTurn(async () => {
        for (const statement of statements) run(statement)
      }),
    close: () =>
      inTurn(async () => {
        file.close()
      }),
  }
}
