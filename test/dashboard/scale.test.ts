import { Lovage } from 'lovage'
import { createTestApp } from 'lovage/testing'
import { expect, test } from 'vitest'
import { startRedis } from '../servers.js'
import { askDashboard } from './fleet-page.js'

test('the load of a queue is what workers say it is, and an unknown one is 503', {
  timeout: 60_000,
}, async () => {
  await using redis = await startRedis()
  const env = {}
  await using app = new Lovage('shop', { broker: redis.url, backend: redis.url, taskQueues: ['mail'], env })
  await using dashboard = await askDashboard({ main: createTestApp('other'), shop: app })
  const task = app.remote<[], null>({ name: 'mail.send', options: { queue: 'mail' } })
  await task.applyAsyncMany(Array.from({ length: 12 }, () => ({ args: [] as [] })))
  const load = await dashboard.get('/scale/mail?fleet=shop&slots=5&max=2')
  expect(load).toMatchObject({ status: 200, body: { queues: ['mail'], backlog: 12, running: 0, desired: 2 } })
  expect((await dashboard.get('/scale/mial?fleet=shop&slots=5')).status).toBe(404)
  expect((await dashboard.get('/scale/mail?fleet=shop&slots=0')).status).toBe(400)
  expect((await dashboard.get('/scale/mail?fleet=nobody&slots=5')).status).toBe(404)
  await redis.kill()
  const unknown = await dashboard.get('/scale/mail?fleet=shop&slots=5')
  expect(unknown).toMatchObject({ status: 503, body: { error: expect.stringMatching(/^unknown/) } })
  await redis.restart()
})
