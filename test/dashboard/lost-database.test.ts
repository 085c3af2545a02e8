import { createTestApp, until } from 'lovage/testing'
import { expect, test, vi } from 'vitest'
import { startPostgres } from '../servers.js'
import { askDashboard } from './fleet-page.js'

vi.setConfig({ testTimeout: 120_000 })
const patient = { timeoutMs: 60_000 }

test('a database that is lost in the middle is a state of the page; what was told meanwhile is written when it is back', async () => {
  await using server = await startPostgres()
  await using app = createTestApp('client', { env: {} })
  await using dashboard = await askDashboard({ main: app }, { db: server.url(), enableEvents: false })
  const tell = (id: string) =>
    app.events.send('task-received', { uuid: id, name: 'mail.send', args: `('${id}')` })
  const find = async (q: string) => (await dashboard.get(`/tasks?q=${q}`)).body
  const kinds = async (path = '/tasks') =>
    ((await dashboard.get(path)).body.troubles as { kind: string }[]).map(({ kind }) => kind)
  tell('before')
  await until(async () => (await find('before')).data.items.length === 1, patient)
  await server.kill()
  tell('meanwhile')
  await until(async () => (await kinds()).includes('history-lost'), patient)
  for (const path of [
    '/',
    '/tasks',
    '/tasks?q=before',
    '/task/before',
    '/workflows',
    '/audit',
    '/jobs',
    '/tasks/all?q=before',
    '/broker',
  ])
    expect([path, (await dashboard.get(path)).status]).toEqual([path, path === '/task/before' ? 404 : 200])
  expect(
    (await dashboard.act({ kind: 'task.revoke', tasks: { search: 'before', expected: 1 } })).body.status,
  ).not.toBe('done')
  await server.restart()
  await until(async () => (await find('meanwhile')).data.items.length === 1, patient)
  expect((await find('before')).data.items).toHaveLength(1)
  await until(async () => !(await kinds()).includes('history-lost'), patient)
  expect((await dashboard.get('/tasks')).body.data.size).toBe(2)
})
