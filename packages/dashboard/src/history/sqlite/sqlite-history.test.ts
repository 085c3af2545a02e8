import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
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

test('while another process has the write lock, pages are read, and what is written waits for it', async () => {
  const path = join(folder, 'locked.sqlite')
  const store = new SqliteHistory(path, 'main')
  const other = new Database(path)
  other.exec('BEGIN IMMEDIATE')
  let isWritten = false
  const entry = { ms: 1, person: 'ada', role: 'admin', action: 'queue.pause', target: 'q', count: 1 } as const
  const writes = Promise.all([
    store.write({ tasks: [recordFrom('a', { name: 'told' })], rollups: [], heardUntilMs: 1 }),
    store.audit([{ ...entry, outcome: 'done', details: '' }]),
    store.putGap({ fromMs: 1, toMs: 2, reason: 'down', lostEvents: null, filled: 0 }),
    store.endSession('s', Number.MAX_SAFE_INTEGER),
  ]).then(() => {
    isWritten = true
  })
  // Each answer comes in a turn of the event loop, which a wait inside of the library would stop for seconds.
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await store.find(['a'])).toEqual([])
    expect(await store.interruptJobs(1)).toEqual([])
    expect(isWritten).toBe(false)
  }
  other.exec('ROLLBACK')
  await writes
  expect(await store.find(['a'])).toMatchObject([{ name: 'told' }])
  expect(await store.auditTrail({ limit: 1 })).toMatchObject([{ action: 'queue.pause' }])
  expect(await store.gaps(1)).toMatchObject([{ reason: 'down' }])
  expect(await store.isSessionEnded('s')).toBe(true)
  // It is committed: seen by others.
  expect(other.prepare('SELECT count(*) AS gaps FROM gap').all()).toEqual([{ gaps: 1 }])
  other.close()
  await store.close()
})
