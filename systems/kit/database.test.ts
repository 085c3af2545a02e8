import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PostgresServer, startPostgres } from '../../test/servers.js'
import type { Database } from './database.js'
import { openDatabase } from './open-database.js'

const folder = mkdtempSync(join(tmpdir(), 'lovage-kit-'))
let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

const TABLE = 'CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY, at_ms BIGINT NOT NULL)'

describe.each(['sqlite', 'postgresql'] as const)('a database on %s', (kind) => {
  let db: Database
  beforeAll(async () => {
    db = await openDatabase(
      kind === 'sqlite'
        ? `sqlite://${join(folder, 'notes.db')}`
        : server.url().replace('postgresql:', 'postgresql+asyncpg:'),
    )
    await Promise.all([db.migrate([TABLE]), db.migrate([TABLE])])
  })
  afterAll(() => db.close())
  const ids = async () => (await db.query('SELECT id FROM notes ORDER BY id')).map(({ id }) => id)

  test('keeps what a transaction wrote, and nothing of one that threw', async () => {
    const now = 1_795_996_819_446
    await db.transaction((sql) => sql.query('INSERT INTO notes (id, at_ms) VALUES ($1, $2)', ['kept', now]))
    const failed = db.transaction(async (sql) => {
      await sql.query('INSERT INTO notes (id, at_ms) VALUES ($1, $2)', ['gone', now])
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    expect(await db.query('SELECT id, at_ms FROM notes')).toEqual([{ id: 'kept', at_ms: now }])
  })

  test('divides whole numbers as such', async () => {
    expect(
      await db.query('SELECT CAST($1 AS BIGINT) / 1000 AS seconds, CAST($2 AS TEXT) AS text', [2999, 'x']),
    ).toEqual([{ seconds: 2, text: 'x' }])
  })

  test('runs twenty transactions that are begun at once, one of which fails', async () => {
    const all = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        db.transaction(async (sql) => {
          const [row] = await sql.query('INSERT INTO notes (id, at_ms) VALUES ($1, $2) RETURNING id', [
            `n${index}`,
            index,
          ])
          await new Promise((resolve) => setImmediate(resolve))
          if (index === 7) throw new Error('seven')
          return row?.id
        }),
      ),
    )
    expect(all.filter(({ status }) => status === 'rejected')).toHaveLength(1)
    expect((await ids()).filter((id) => String(id).startsWith('n'))).toHaveLength(19)
  })
})

test.each([
  [undefined, 'DATABASE_URL is not set.'],
  ['mysql://localhost/x', 'names no supported database (mysql:)'],
])('%s is no database, and that is said', async (url, message) => {
  await expect(openDatabase(url)).rejects.toThrow(message)
})
