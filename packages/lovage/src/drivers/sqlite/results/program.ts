import { defineProgram, readSql, type SqlValue } from '../file/index.js'

/** A record as it goes to the thread: columns, in the order of the statement `store`. */
export type ResultRow = readonly [
  id: string,
  status: string,
  result: string,
  traceback: string | null,
  children: string,
  dateDone: string | null,
  storedMs: number,
  groupId: string | null,
  parentId: string | null,
  extended: string | null,
]
/** A record as it is read back. */
export type StoredRow = readonly [
  id: string,
  status: string,
  result: string,
  traceback: string | null,
  children: string,
  dateDone: string | null,
  groupId: string | null,
  parentId: string | null,
  extended: string | null,
]

const sql = readSql(new URL('./results.sql', import.meta.url), ['store', 'get', 'forget', 'prune'])

/** The results' share of a SQLite file. The broker's program calls `store` inside its settling transaction. */
export default defineProgram({
  name: 'results',
  migrations: [new URL('./schema-1.sql', import.meta.url), new URL('./schema-2.sql', import.meta.url)],
  open(connection, host) {
    const store = connection.prepare(sql.store)
    const get = connection.prepare(sql.get)
    const forget = connection.prepare(sql.forget)
    const prune = connection.prepare(sql.prune)
    return {
      writes: {
        store(rows: readonly ResultRow[]): void {
          // The row is the parameter list; the statement and the type have the same order.
          for (const row of rows) store.run(row as readonly SqlValue[])
          if (rows.length > 0) host.touch('results')
        },
        forget: (ids: readonly string[]): number => forget.run([JSON.stringify(ids)]),
        prune: ({ beforeMs, limit }: { beforeMs: number; limit: number }): number =>
          prune.run([beforeMs, limit]),
      },
      reads: {
        get: (ids: readonly string[]): StoredRow[] => get.all<[...StoredRow]>([JSON.stringify(ids)]),
      },
    }
  },
})
