import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RedisServer, runPython, startRedis } from '../servers.js'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())

describe('kombu’s options of channels', () => {
  test.each([
    { fanout_prefix: true, fanout_patterns: true },
    { fanout_prefix: false, fanout_patterns: true },
    { fanout_prefix: '/shop-{db}.', fanout_patterns: true },
    { fanout_prefix: true, fanout_patterns: false },
    { fanout_prefix: false, fanout_patterns: false },
  ])(
    '%o: Python asks our workers, and hears their events',
    async (brokerTransportOptions) => {
      const app = createTestApp('options', {
        broker: redis.url,
        backend: redis.url,
        brokerTransportOptions,
        workerSendTaskEvents: true,
      })
      const add = app.task({ name: 'add', run: (_ctx, x: number, y: number) => x + y })
      await using _worker = await startTestWorker(app, { hostname: 'ts@box' })
      const options = JSON.stringify(brokerTransportOptions)
        .replace(/true/g, 'True')
        .replace(/false/g, 'False')
      let isOver = false
      const asked = runPython(
        `
      app.conf.broker_transport_options = ${options}
      heard = []
      with app.connection() as connection:
          def on(event):
              heard.append(event['type'])
              if 'task-succeeded' in heard and 'worker-heartbeat' in heard:
                  receiver.should_stop = True
          receiver = app.events.Receiver(connection, handlers={'*': on})
          receiver.capture(limit=None, timeout=None, wakeup=False)
      print(json.dumps(app.control.ping(timeout=3)))
      `,
        { broker: redis.url },
      ).finally(() => {
        isOver = true
      })
      await until(
        async () => {
          if (!isOver) await (await add.delay(1, 2)).get({ timeout: 20 })
          return isOver
        },
        { timeoutMs: 60_000 },
      )
      expect(JSON.parse(await asked)).toEqual([{ 'ts@box': { ok: 'pong' } }])
      await app.close()
    },
    90_000,
  )

  test('an option that there is not is refused by its name', async () => {
    const app = createTestApp('options', {
      broker: redis.url,
      backend: redis.url,
      brokerTransportOptions: { global_keyprefx: 'shop:' },
    })
    const add = app.task({ name: 'add', run: () => {} })
    await expect(add.delay()).rejects.toThrow(/global_keyprefx is not known; did you mean global_keyprefix\?/)
    await app.close()
  })

  test('the two slashes that Celery’s documents write before no database mean number 0', async () => {
    const app = createTestApp('options', { broker: `${redis.url}//`, backend: redis.url })
    const add = app.task({ name: 'add', run: () => 'done' })
    await using _worker = await startTestWorker(app)
    expect(await (await add.delay()).get({ timeout: 20 })).toBe('done')
    await app.close()
  })
})
