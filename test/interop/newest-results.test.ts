import type { Lovage, Worker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type PostgresServer,
  type PythonCelery,
  pythonCelery,
  type RedisServer,
  runPython,
  startPostgres,
  startRedis,
} from '../servers.js'

/** What Celery 5.6 and 5.7 changed about results, with Python's own client and worker. */
let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())

describe('a revoke', { timeout: 90_000 }, () => {
  const started = async (app: Lovage, id: string): Promise<void> => {
    await until(async () => (await app.asyncResult(id).state()) === 'STARTED', { timeoutMs: 30_000 })
  }

  test('stores no REVOKED while another worker runs the task, whoever revokes it', async () => {
    await using app = createTestApp('ts', {
      broker: redis.url,
      backend: redis.url,
      jsonTypes: 'plain',
      taskDefaultQueue: 'ts',
    })
    let finish = (): void => {}
    const held = app.task({ name: 'ts.held', run: () => new Promise<void>((resolve) => (finish = resolve)) })
    await using _worker = await startTestWorker(app, { queues: ['ts'], hostname: 'ts@box' })
    const python = await pythonCelery({
      broker: redis.url,
      backend: redis.url,
      source: `
        app.conf.update(task_default_queue='py', task_track_started=True)
        @app.task(name='py.held')
        def held():
            assert app.backend.client.blpop('go', 60)
            return 'done'`,
      args: ['-P', 'threads', '-c', '1', '-Q', 'py'],
    })
    try {
      const theirs = await app.sendTask('py.held', { queue: 'py' })
      const ours = await held.delay()
      await started(app, theirs.id)
      await started(app, ours.id)
      // Both workers have answered when this returns.
      const answers = await python.run(`
print(len(app.control.revoke(['${theirs.id}', '${ours.id}'], reply=True, timeout=20, limit=2)))`)
      expect(answers.trim()).toBe('2')
      await app.control.revoke([theirs.id, ours.id])
      expect([await theirs.state(), await ours.state()]).toEqual(['STARTED', 'STARTED'])
      finish()
      await python.run(`app.backend.client.rpush('go', 1)`)
      expect(await theirs.get({ timeout: 30 })).toBe('done')
      expect(await ours.get({ timeout: 30 })).toBe(null)
    } finally {
      await python.stop()
    }
  })
})

describe('a header task that runs again', { timeout: 60_000 }, () => {
  test('counts once in the chord that Python built, with what it gave first', async () => {
    await using app = createTestApp('ts', {
      broker: redis.url,
      backend: redis.url,
      jsonTypes: 'plain',
      taskDefaultQueue: 'again',
    })
    const runs: string[] = []
    let finish: (() => void) | undefined
    app.task({ name: 'again.run', run: (ctx) => runs.push(ctx.id) })
    app.task({
      name: 'again.held',
      run: () => new Promise<string>((resolve) => (finish = () => resolve('held'))),
    })
    app.task({ name: 'again.body', run: (_ctx, values: readonly unknown[]) => values })
    // Kept apart: the same message is delivered a second time, as by a broker that has lost the acknowledgement.
    const id = await runPython(
      `
from celery import chord, signature
s = lambda name: signature(name, queue='again', app=app)
result = chord([s('again.run'), s('again.held')], s('again.body')).apply_async()
client = app.backend.client
message, = [json.loads(one) for one in client.lrange('again', 0, -1) if b'again.run' in one]
message['properties']['delivery_tag'] += '-again'
client.rpush('again', json.dumps(message))
print(result.id)`,
      { broker: redis.url, backend: redis.url },
    )
    await using _worker = await startTestWorker(app, { queues: ['again'], concurrency: 2 })
    await until(() => runs.length === 2 && finish, { timeoutMs: 30_000 })
    const body = app.asyncResult(id.trim())
    finish?.()
    expect(await body.get({ timeout: 30 })).toEqual([1, 'held'])
  })
})

describe('celery.chord_unlock', { timeout: 90_000 }, () => {
  let postgres: PostgresServer
  let app: Lovage
  let worker: Worker
  let python: PythonCelery
  beforeAll(async () => {
    postgres = await startPostgres()
    const backend = `db+${postgres.url()}`
    app = createTestApp('ts', {
      broker: redis.url,
      backend,
      jsonTypes: 'plain',
      taskDefaultQueue: 'unlock',
    })
    app.task({ name: 'unlock.add', run: (_ctx, x: number, y: number) => x + y })
    app.task({ name: 'unlock.sum', run: (_ctx, all: readonly number[]) => all.reduce((a, b) => a + b, 0) })
    app.task({
      name: 'unlock.fail',
      run: () => {
        throw new TypeError('no')
      },
    })
    worker = await startTestWorker(app, { queues: ['unlock'] })
    python = await pythonCelery({
      broker: redis.url,
      backend,
      source: `
        app.conf.update(result_chord_retry_interval=0.1, task_default_queue='unlock')
        def s(name, *args):
            return signature('unlock.' + name, args=args, queue='unlock', app=app)`,
      args: ['-P', 'solo', '-Q', 'elsewhere'],
    })
  }, 120_000)
  afterAll(async () => {
    await worker?.stop()
    await app?.close()
    await python?.stop()
    await postgres?.stop()
  })

  test('of Python’s chords on a database runs here: the body follows once, or fails with its member', async () => {
    const answer = await python.run(`
good = chord([s('add', 1, 1), s('add', 2, 2)], s('sum')).apply_async()
bad = chord([s('add', 1, 1), s('fail')], s('sum')).apply_async()
print(json.dumps([good.get(timeout=40), type(bad.get(timeout=40, propagate=False)).__name__, bad.state]))`)
    expect(JSON.parse(answer)).toEqual([6, 'ChordError', 'FAILURE'])
  })

  test('fails the body where it may not try again', async () => {
    const answer = await python.run(`
body = s('sum').clone()
result = body.freeze()
app.send_task('celery.chord_unlock', ('some-group', body), queue='unlock',
              kwargs={'interval': 0.05, 'max_retries': 2, 'result': [[['never-sent', None], None]]})
print(json.dumps([type(result.get(timeout=40, propagate=False)).__name__, result.state]))`)
    expect(JSON.parse(answer)).toEqual(['ChordError', 'FAILURE'])
  })
})
