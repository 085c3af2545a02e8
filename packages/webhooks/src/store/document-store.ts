import type { SqlDatabase } from './database/database.js'
import { readStatements } from './database/statements.js'
import { limitOf, listingOf } from './listing.js'
import type { DocumentStore, StoredDocument } from './webhook-store.js'

const SQL = readStatements(new URL('./sql/documents.sql', import.meta.url), [
  'put',
  'putIfAbsent',
  'get',
  'getMany',
  'list',
  'delete',
])

interface Row {
  readonly kind: string
  readonly key: string
  readonly value: string
  readonly expires_at: number | null
}

/** Documents in SQL. */
export function documentStore(database: SqlDatabase): DocumentStore {
  const get: DocumentStore['get'] = async (kind, key, nowMs) => {
    const [row] = await database.query<Row>(SQL.get, [kind, key, nowMs])
    return row && toDocument(row)
  }
  return {
    get,
    async getMany(kind, keys, nowMs) {
      return (await database.query<Row>(SQL.getMany, [kind, keys, nowMs])).map(toDocument)
    },
    async put(document, { ifAbsent = false, nowMs }) {
      const { kind, key, value, expiresAtMs } = document
      const values = [kind, key, JSON.stringify(value), expiresAtMs] as const
      if (!ifAbsent) await database.query(SQL.put, values)
      else await database.query(SQL.putIfAbsent, [...values, nowMs])
      return (await get(kind, key, nowMs)) ?? document
    },
    async list(kind, { prefix = '', limit, after = '', nowMs }) {
      const most = limitOf(limit)
      const end = `${prefix}\u{10ffff}`
      const rows = await database.query<Row>(SQL.list, [kind, after, prefix, end, nowMs, most + 1])
      return listingOf(rows.map(toDocument), most, ({ key }) => key)
    },
    async delete(kind, key) {
      return (await database.query(SQL.delete, [kind, key])).length > 0
    },
  }
}

const toDocument = (row: Row): StoredDocument => ({
  kind: row.kind,
  key: row.key,
  value: JSON.parse(row.value),
  expiresAtMs: row.expires_at,
})
