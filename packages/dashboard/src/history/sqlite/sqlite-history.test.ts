import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { describeHistory, recordFrom } from '../history.suite.js'
import { SqliteHistory } from './sqlite-history.js'

const folder = mkdtempSync(join(tmpdir(), 'lovage-history-'))
let n = 0
afterAll(() => rmSync(folder, { recursive: true }))

describeHistory(
  'SQLite',
  async () => new SqliteHistory(join(folder, `${n}.sqlite`), 'main'),
  async () => void n++,
)

test('what a batch could not write is not half there, and the next one is whole', async () => {
  const store = new SqliteHistory(join(folder, 'undone.sqlite'), 'main')
  const broken = { ...recordFrom('b', {}), told: null as unknown as number }
  const write = store.write({
    tasks: [recordFrom('a', { name: 'first' }), broken],
    rollups: [],
    heardUntilMs: 1,
  })
  await expect(write).rejects.toThrow(/NOT NULL/)
  expect(await store.find(['a', 'b'])).toEqual([])
  await store.write({ tasks: [recordFrom('a', { name: 'first' })], rollups: [], heardUntilMs: 1 })
  const found = await store.tasks({
    plan: { node: { kind: 'term', field: 'text', relation: 'contains', value: 'first' } },
    limit: 5,
  })
  expect(found.items.map(({ id }) => id)).toEqual(['a'])
  expect(await store.size()).toMatchObject({ tasks: 1 })
  await store.close()
})

test('a file that cannot be opened is said with its path', () => {
  expect(() => new SqliteHistory('/nowhere/at/all.sqlite', 'main')).toThrow(
    /\/nowhere\/at\/all\.sqlite cannot be opened/,
  )
})
