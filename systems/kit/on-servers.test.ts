import { fileURLToPath } from 'node:url'
import { Lovage } from 'lovage'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type PostgresServer,
  type RabbitServer,
  type RedisServer,
  run,
  startPostgres,
  startRabbit,
  startRedis,
} from '../../test/servers.js'

const SYSTEMS = fileURLToPath(new URL('..', import.meta.url))

const NAMES = ['datacleanup', 'task-platform', 'monitoring', 'learning-time', 'webhook-delivery']

let redis: RedisServer
let rabbit: RabbitServer
let postgres: PostgresServer
beforeAll(async () => {
  ;[redis, rabbit, postgres] = await Promise.all([startRedis(), startRabbit(), startPostgres()])
})
afterAll(async () => {
  await Promise.all([redis?.stop(), rabbit?.stop(), postgres?.stop()])
})

/** Runs a system on servers, its data in a database of its own. */
async function runOn(name: string, broker: string, database: string): Promise<void> {
  await postgres.sql(`CREATE DATABASE "${database}"`)
  const where = ['--broker', broker, '--database', postgres.url(database)]
  const { code, stdout, stderr } = await run(process.execPath, [`${SYSTEMS}run.mjs`, name, ...where], {
    cwd: SYSTEMS,
    env: { NO_COLOR: '1' },
    timeoutMs: 190_000,
  })
  expect(code, `${stdout}\n${stderr}`).toBe(0)
}

// Both at once: either waits for leases and timers for half of its time.
describe.each(NAMES)('%s', (name) => {
  // A database of Redis for each: a beat that is stopped last leaves a message behind, which is no business of the next.
  test.concurrent('does the same on Redis and PostgreSQL', { timeout: 200_000 }, () =>
    runOn(name, `${redis.url}/${NAMES.indexOf(name)}`, name),
  )

  test.concurrent('does the same on RabbitMQ and PostgreSQL', { timeout: 200_000 }, async () =>
    runOn(name, await rabbit.createVhost(name), `${name}-rabbit`),
  )
})

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

test('results of the system that cleans data outlive what Redis forgets', async () => {
  const [id = ''] = await postgres.sql(
    `SELECT task_id FROM celery_taskmeta WHERE name LIKE '%.process_file_upload' AND status = 'SUCCESS'`,
    'datacleanup',
  )
  // Without an append-only file it comes back empty.
  await redis.restart()
  const backend = `db+${postgres.url('datacleanup')}`
  await using app = new Lovage('asks', { broker: redis.url, backend, env: {} })
  expect(await app.asyncResult(id).get({ timeout: 20 })).toMatchObject({ rowsOut: 54_000 })
})
