import { defineProgram, readSql, type SqlValue } from '../file/index.js'
import { TOPIC } from './topic.js'

/** An entry as a table row, column by column. */
export type EntryRow = readonly SqlValue[]

/** The parameters of one statement. */
export type Parameters = readonly SqlValue[]

const sql = readSql(new URL('./schedule.sql', import.meta.url), [
  'load',
  'add',
  'change',
  'delete',
  'advance',
  'fence',
])

/** The entries of beat in a SQLite file. */
export default defineProgram({
  name: 'schedule',
  migrations: [new URL('./schema-1.sql', import.meta.url)],
  open(connection, host) {
    const load = connection.prepare(sql.load)
    const add = connection.prepare(sql.add)
    const change = connection.prepare(sql.change)
    const remove = connection.prepare(sql.delete)
    const advance = connection.prepare(sql.advance)
    const fence = connection.prepare(sql.fence)
    const told = (changes: readonly number[]): readonly number[] => {
      if (changes.some((count) => count > 0)) host.touch(TOPIC)
      return changes
    }
    return {
      writes: {
        put: (puts: readonly { readonly kind: 'add' | 'change'; readonly parameters: Parameters }[]) =>
          told(puts.map(({ kind, parameters }) => (kind === 'add' ? add : change).run(parameters))),
        delete: (entries: readonly Parameters[]) => told(entries.map((parameters) => remove.run(parameters))),
        /** undefined when the token is too old. */
        advance({ space, token, advances }: AdvanceArgument): readonly number[] | undefined {
          if (token !== null && fence.run([space, token]) === 0) return undefined
          return advances.map((parameters) => advance.run(parameters))
        },
      },
      reads: { load: (space: string): EntryRow[] => load.all<EntryRow>([space]) },
    }
  },
})

/** The argument of `advance`. */
export interface AdvanceArgument {
  readonly space: string
  /** 20 digits; null = without a token. */
  readonly token: string | null
  readonly advances: readonly Parameters[]
}
