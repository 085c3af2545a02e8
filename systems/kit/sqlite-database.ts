import Libsql from 'libsql'
import { type Database, inTransaction, type Row, type Sql, type Transaction, type Value } from './database.js'

/** Opens an SQLite file. One connection a process: its transactions take turns, those of other processes are waited for. */
export function openSqlite(path: string): Database {
  const file = new Libsql(path)
  // First: processes that start together wait for the one that makes the file.
  file.pragma('busy_timeout = 5000')
  file.pragma('journal_mode = WAL')
  file.pragma('synchronous = NORMAL')
  let turn: Promise<unknown> = Promise.resolve()

  // Whatever came before, well or badly, the next one's turn comes.
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work, work)
    turn = result.catch(() => {})
    return result
  }
  const run = <R extends Row>(text: string, given: readonly Value[] = []): readonly R[] => {
    // A number would be bound as a float, by which a division of integers is none.
    const values = given.map((value) => (Number.isSafeInteger(value) ? BigInt(Number(value)) : value))
    const statement = file.prepare(text.replace(/\$(\d+)/g, '?$1'))
    // The caller says what its statement selects.
    if (statement.reader) return statement.all(...values) as R[]
    statement.run(...values)
    return []
  }
  const open: Sql = { query: async (text, values) => run(text, values) }

  const begin = async (): Promise<Transaction> => {
    let endTurn = (): void => {}
    const turnEnds = new Promise<void>((resolve) => {
      endTurn = resolve
    })
    // The next one's turn comes when this transaction has ended.
    await new Promise<void>((resolve, reject) => {
      void inTurn(async () => {
        try {
          file.exec('BEGIN IMMEDIATE')
        } catch (error) {
          reject(error)
          return
        }
        resolve()
        await turnEnds
      })
    })
    const end = async (how: 'COMMIT' | 'ROLLBACK'): Promise<void> => {
      try {
        file.exec(how)
      } finally {
        endTurn()
      }
    }
    return { ...open, commit: () => end('COMMIT'), rollback: () => end('ROLLBACK') }
  }

  return {
    kind: 'sqlite',
    query: (text, values) => inTurn(() => open.query(text, values)),
    begin,
    transaction: (work) => inTransaction({ begin }, work),
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
