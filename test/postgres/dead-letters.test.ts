import { Reject, startWorker } from 'lovage'
import { createTestApp, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { deadLetterTests } from '../../packages/lovage/src/broker/suite/dead-letter.suite.js'
import { suiteTester } from '../../packages/lovage/src/broker/suite/tester.suite.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { newId, silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { type PostgresServer, startPostgres } from '../servers.js'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.stop())

describe('dead letters of a broker in memory, kept in PostgreSQL', () => {
  const tester = suiteTester({
    name: 'memory and PostgreSQL',
    start: async () => {
      const settings = { deadLetterUrl: await server.createDatabase('letters') }
      const url = `memory://${newId()}`
      return {
        open: () => openBroker(url, { settings, clock: systemClock, logger: silentLogger }),
        stop: async () => {},
      }
    },
  })
  deadLetterTests(tester)
  tester.end()
})

test('a letter is stored before its message is acknowledged, also when the store is away for a while', async () => {
  const app = createTestApp('letters', { deadLetterUrl: server.url() })
  const refuse = app.task({
    name: 'refuse',
    run: () => {
      throw new Reject('not mine')
    },
  })
  const broker = await coreOf(app).broker()
  const worker = await startWorker(app, {})
  await server.kill()
  const { id } = await refuse.delay()
  await until(async () => (await broker.depths(['celery'])).get('celery')?.ready === 0)
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect((await broker.depths(['celery'])).get('celery')?.unacked, 'it is held').toBe(1)
  await server.start()
  await until(async () => (await broker.depths(['celery'])).get('celery')?.unacked === 0)
  expect(await server.sql('select task, queue, reason, task_id from dead_letter_tasks')).toEqual([
    `refuse|celery|rejected|${id}`,
  ])
  await worker.stop()
  await app.close()
})
