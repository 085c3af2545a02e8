import type { Lovage, Worker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  type PythonCelery,
  pythonCelery,
  type RabbitServer,
  type RedisServer,
  startRabbit,
  startRedis,
} from '../servers.js'

/** Revokes an id and sends its task at once, sixty times, from one Python process; then asks for the revoked ids. */
const REVOKE_AND_SEND = (node: string) => `
import json, uuid
from tasks import app
ids = [str(uuid.uuid4()) for _ in range(60)]
with app.connection_for_write() as connection:
    seen = []
    for id in ids:
        app.control.revoke(id, connection=connection)
        app.send_task('ts.note', task_id=id, queue='ts', connection=connection)
    replies = app.control.inspect(destination=['${node}'], timeout=10).revoked()
    seen = list(replies['${node}'])
print(json.dumps([ids, [id for id in ids if id not in seen]]))`

let redis: RedisServer
let rabbit: RabbitServer
let app: Lovage
let worker: Worker
let python: PythonCelery
beforeAll(async () => {
  ;[redis, rabbit] = await Promise.all([startRedis(), startRabbit()])
}, 150_000)
afterAll(async () => {
  await Promise.all([redis?.stop(), rabbit?.stop()])
})
afterEach(async () => {
  await worker?.stop()
  await python?.stop()
  await app?.close()
})

describe('a revoke', { timeout: 120_000 }, () => {
  test.each([
    ['Redis', (): string => redis.url, (): string => redis.url, 0],
    ['Redis by a worker that stands still at times', (): string => redis.url, (): string => redis.url, 300],
    ['RabbitMQ', (): string => rabbit.url(), (): string => 'disabled://', 0],
  ] as const)(
    'from Python, followed at once by its task, keeps it from running on %s, in 60 of 60 tries',
    async (_name, broker, backend, stillMs) => {
      app = createTestApp('ts', {
        broker: broker(),
        backend: backend(),
        jsonTypes: 'plain',
        taskDefaultQueue: 'ts',
      })
      const ran: string[] = []
      app.task({ name: 'ts.note', run: (ctx) => void ran.push(ctx.id) })
      const revoked: string[] = []
      app.signals.on('taskRevoked', ({ headers }) => void revoked.push(headers.id))
      worker = await startTestWorker(app, { queues: ['ts'], hostname: 'ts@localhost' })
      const standing = setInterval(() => {
        if (stillMs === 0 || ran.length + revoked.length >= 60) clearInterval(standing)
        else for (const endMs = Date.now() + stillMs; Date.now() < endMs; );
      }, stillMs + 20)
      python = await pythonCelery({ broker: broker(), args: ['-P', 'solo', '-Q', 'elsewhere'] })
      const [ids, unseen] = JSON.parse(await python.run(REVOKE_AND_SEND('ts@localhost'))) as [
        string[],
        string[],
      ]
      await until(() => ran.length + revoked.length >= ids.length, { timeoutMs: 30_000 })
      expect(ran).toEqual([])
      expect(unseen).toEqual([])
    },
  )
})

describe('a Python peer that starts', { timeout: 60_000 }, () => {
  test('tells what it knows as revoked, and hears of queues that were added while a worker runs', async () => {
    app = createTestApp('ts', {
      broker: redis.url,
      backend: redis.url,
      jsonTypes: 'plain',
      taskDefaultQueue: 'ts',
    })
    const ran: string[] = []
    app.task({ name: 'ts.note', run: (ctx) => void ran.push(ctx.id) })
    worker = await startTestWorker(app, { queues: ['ts'], hostname: 'ts@localhost' })
    python = await pythonCelery({ broker: redis.url, args: ['-P', 'solo', '-Q', 'elsewhere'] })
    const answers = JSON.parse(
      await python.run(`
import json
from tasks import app
node = 'ts@localhost'
inspect = app.control.inspect(destination=[node], timeout=10)
before = inspect.hello('py@elsewhere', {'gone': [12.5, 'gone']})[node]['revoked']
app.control.add_consumer('late', exchange='media', exchange_type='topic', routing_key='media.*', destination=[node])
queues = {one['name']: [one['exchange']['name'], one['exchange']['type'], one['routing_key']] for one in inspect.active_queues()[node]}
app.control.cancel_consumer('late', destination=[node])
after = [one['name'] for one in inspect.active_queues()[node]]
app.send_task('ts.note', task_id='gone', queue='ts')
app.send_task('ts.note', task_id='kept', queue='ts')
print(json.dumps([before, inspect.revoked()[node], queues, after]))`),
    ) as [string[], string[], object, string[]]
    const [before, revoked, queues, after] = answers
    expect(before).not.toContain('gone')
    expect(revoked).toContain('gone')
    expect(queues).toEqual({ ts: ['ts', 'direct', 'ts'], late: ['media', 'topic', 'media.*'] })
    expect(after).toEqual(['ts'])
    await until(() => ran.includes('kept'))
    expect(ran).toEqual(['kept'])
  })
})
