import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { describeHistory, recordFrom } from '../../packages/dashboard/src/history/history.suite.js'
import { openHistoryDatabase } from '../../packages/dashboard/src/history/postgres/database.js'
import { PostgresHistory } from '../../packages/dashboard/src/history/postgres/postgres-history.js'
import { type PostgresServer, startPostgres } from '../servers.js'

vi.setConfig({ testTimeout: 120_000 })
let server: PostgresServer
let n = 0
const open = async () => new PostgresHistory(await openHistoryDatabase(server.url(), `history_${n}`), 'main')

beforeAll(async () => {
  server = await startPostgres()
}, 120_000)
afterAll(() => server.stop())

describeHistory('PostgreSQL', open, async () => void n++)

test('two dashboards that write the same history lose nothing of each other', async () => {
  const [one, other] = await Promise.all([open(), open()])
  const write = (store: PostgresHistory, prefix: string) =>
    Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        store.write({
          tasks: [
            recordFrom(`${prefix}-${at}`, { name: prefix }),
            recordFrom(`shared-${at}`, { name: 'shared' }),
          ],
          rollups: [],
          heardUntilMs: 1_800_000_000_000,
        }),
      ),
    )
  await Promise.all([write(one, 'one'), write(other, 'other')])
  expect((await one.size()).tasks).toBe(60)
  const found = await other.tasks({
    plan: { node: { kind: 'term', field: 'name', relation: 'is', value: 'shared' } },
    limit: 100,
  })
  expect(found.items).toHaveLength(20)
  await Promise.all([one.close(), other.close()])
})

test('texts that PostgreSQL cannot hold are kept as near as it can', async () => {
  const store = await open()
  await store.write({
    tasks: [recordFrom('odd', { name: 'n', args: 'a\0b\ud800c' })],
    rollups: [],
    heardUntilMs: 1,
  })
  expect(await store.find(['odd'])).toMatchObject([{ args: 'a\ufffdb\ufffdc' }])
  await store.close()
})

test('a database that cannot be reached is said, without its password', async () => {
  await expect(openHistoryDatabase('postgresql://ada:secret@127.0.0.1:1/none', 'x')).rejects.toThrow(
    /ada:\*\*@127\.0\.0\.1:1\/none cannot be opened/,
  )
})
