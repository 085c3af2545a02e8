import { Lovage } from 'lovage'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { openPostgres } from '../../packages/lovage/src/drivers/postgres/client/index.js'
import { silent } from '../every-store.js'
import { startLine } from '../rabbitmq/line.js'
import { startPostgres, startRabbit, startRedis } from '../servers.js'

const LEASE_S = 12

describe.each([
  ['Redis', async () => startRedis().then((server) => ({ url: server.url, stop: () => server.stop() }))],
  [
    'PostgreSQL',
    async () => startPostgres().then((server) => ({ url: server.url(), stop: () => server.stop() })),
  ],
  [
    'RabbitMQ',
    async () => startRabbit().then((server) => ({ url: server.url(), stop: () => server.stop() })),
  ],
])('on %s', (name, start) => {
  let server: Awaited<ReturnType<typeof start>>
  beforeAll(async () => {
    server = await start()
  }, 120_000)
  afterAll(async () => void (await server?.stop()))

  test('a producer leaves a half-open connection within a third of the lease, and what it sends arrives once', {
    timeout: 90_000,
  }, async () => {
    const direct = new URL(server.url)
    await using line = await startLine(Number(direct.port))
    const through = new URL(server.url)
    through.host = `127.0.0.1:${line.port}`
    const backend = name === 'RabbitMQ' ? 'disabled://' : through.href
    await using app = new Lovage('shop', {
      broker: through.href,
      backend,
      brokerLease: LEASE_S,
      env: {},
      logger: silent,
    })
    const mail = app.task({ name: 'mail', run: () => {} })
    // Several connections are open, where there are several.
    const sent = await Promise.all(Array.from({ length: 5 }, () => mail.delay()))
    if (name !== 'RabbitMQ') await Promise.all(sent.map((one) => one.state()))
    const depth = async () => (await (await coreOf(app).broker()).depths(['celery'])).get('celery')?.ready
    expect(await depth()).toBe(5)
    line.freeze()
    const frozenMs = Date.now()
    // Whether it was sent may be uncertain; then the same call is sent again under its id.
    const send = () => mail.applyAsync([], { taskId: 'one' })
    await send().catch((error: { readonly code?: string }) => {
      expect(error.code).toBe('LVG_PUBLISH_UNCERTAIN')
      return send()
    })
    expect(Date.now() - frozenMs).toBeLessThan((LEASE_S * 1000) / 3 + 3_000)
    expect(await depth()).toBe(6)
  })
})

test('a statement of PostgreSQL may take its time', { timeout: 60_000 }, async () => {
  await using server = await startPostgres()
  const database = openPostgres(server.url(), { stallMs: 1_500 })
  const [row] = await database.query('SELECT 1 AS one FROM pg_sleep(4)')
  expect(row).toEqual({ one: 1 })
  await database.close()
})
