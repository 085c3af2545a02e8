import { type Lovage, openBeat, startWorker } from 'lovage'
import { createTestApp, until } from 'lovage/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { type PythonCelery, pythonCelery, type RedisServer, startRedis } from '../servers.js'

let redis: RedisServer
let python: PythonCelery
let app: Lovage

beforeAll(async () => {
  redis = await startRedis()
  python = await pythonCelery({
    broker: redis.url,
    backend: redis.url,
    source: `
      app.conf.update(task_default_queue='py', beat_schedule={
        'from python': {'task': 'ts.tick', 'schedule': 1.0, 'args': [7], 'options': {'queue': 'ts', 'expires': 30}},
      })

      @app.task(name='py.tick', bind=True)
      def tick(self, *args, **kwargs):
          message = self.request
          return [args, kwargs, message.periodic_task_name, message.properties.get('periodic_task_name'),
                  message.parent_id, message.root_id == message.id, message.expires is not None, message.origin[:3]]`,
    args: ['-P', 'solo', '-Q', 'py', '-B', '-s', 'schedule'],
  })
  app = createTestApp('shop', {
    broker: redis.url,
    backend: redis.url,
    jsonTypes: 'plain',
    taskDefaultQueue: 'ts',
  })
})
afterAll(async () => {
  await app?.close()
  await python?.stop()
  await redis?.stop()
})

test('a Python worker runs what our beat sends', async () => {
  app.addPeriodicTask(1, 'py.tick', {
    name: 'from typescript',
    args: [1, 'zwei'],
    kwargs: { deep: true },
    expires: 60,
    options: { queue: 'py' },
  })
  await using opened = await openBeat(app)
  void opened.beat.run()
  const results = await coreOf(app).results()
  const ids = new Set<string>()
  app.signals.on('afterTaskPublish', ({ message }) => void ids.add(String(message.headers.id)))
  const [first] = await until(async () => {
    const found = await results.get([...ids])
    return found.length > 0 && found
  })
  expect(first).toMatchObject({
    state: 'SUCCESS',
    result: [[1, 'zwei'], { deep: true }, 'from typescript', 'from typescript', null, true, true, 'gen'],
  })
})

test('a worker of ours runs what Python’s beat sends', async () => {
  const runs: unknown[] = []
  app.task({ name: 'ts.tick', run: (_ctx, n: number) => void runs.push(n) })
  const worker = await startWorker(app, { queues: ['ts'], hostname: 'ts@localhost' })
  await until(() => runs.length >= 2)
  await worker.stop()
  expect(new Set(runs)).toEqual(new Set([7]))
})
