import { defineProgram, readSql, type SqlValue } from '../file/index.js'

/** A letter as a table row, column by column. */
export type LetterRow = readonly SqlValue[]

/** The parameters of the statement `list`. */
export type ListParameters = readonly SqlValue[]

const sql = readSql(new URL('./dead-letters.sql', import.meta.url), ['add', 'list', 'count', 'take'])

/** Dead letters in a SQLite file. The broker on the same file adds its letters in its settling transactions. */
export default defineProgram({
  name: 'dead-letters',
  migrations: [new URL('./schema-1.sql', import.meta.url)],
  open(connection) {
    const add = connection.prepare(sql.add)
    const list = connection.prepare(sql.list)
    const count = connection.prepare(sql.count)
    const take = connection.prepare(sql.take)
    return {
      writes: {
        add(letters: readonly LetterRow[]): void {
          for (const letter of letters) add.run(letter)
        },
        take: (ids: readonly string[]): LetterRow[] => take.all<LetterRow>([JSON.stringify(ids)]),
      },
      reads: {
        list: (parameters: ListParameters): LetterRow[] => list.all<LetterRow>(parameters),
        count: (_: undefined) => count.all<[queue: string, letters: number]>([]),
      },
    }
  },
})
