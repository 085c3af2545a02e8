import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type PostgresServer, type RedisServer, run, startPostgres, startRedis } from '../../test/servers.js'

const SYSTEMS = fileURLToPath(new URL('..', import.meta.url))

let redis: RedisServer
let postgres: PostgresServer
beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([startRedis(), startPostgres()])
})
afterAll(async () => {
  await redis?.stop()
  await postgres?.stop()
})

test.each(['datacleanup', 'task-platform', 'monitoring', 'learning-time', 'webhook-delivery'])(
  '%s does the same on Redis and PostgreSQL',
  { timeout: 200_000 },
  async (name) => {
    await postgres.sql(`CREATE DATABASE "${name}"`)
    const database = postgres.url(name)
    const where = ['--broker', redis.url, '--database', database]
    const { code, stdout, stderr } = await run(process.execPath, [`${SYSTEMS}run.mjs`, name, ...where], {
      cwd: SYSTEMS,
      env: { NO_COLOR: '1' },
      timeoutMs: 190_000,
    })
    expect(code, `${stdout}\n${stderr}`).toBe(0)
  },
)

test('results of the system that cleans data lie in PostgreSQL, with both indexes', async () => {
  const indexed = await postgres.sql(
    `SELECT indexdef FROM pg_indexes WHERE tablename = 'celery_taskmeta'`,
    'datacleanup',
  )
  expect(indexed.join('\n')).toMatch(/\(date_done\)/)
  expect(indexed.join('\n')).toMatch(/\(status\)/)
  const [done] = await postgres.sql(
    `SELECT count(*) FROM celery_taskmeta WHERE name LIKE 'app.tasks.%' AND status = 'SUCCESS'`,
    'datacleanup',
  )
  expect(Number(done)).toBeGreaterThan(10)
})
