import { Redis } from 'ioredis'
import { Decimal, type Lovage, startWorker, Uuid, unchecked } from 'lovage'
import { createTestApp, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { type PythonCelery, pythonCelery, type RedisServer, runPython, startRedis } from '../servers.js'

/** Python's side: what TypeScript calls, on a queue of its own. */
const TASKS = `
import datetime, decimal, time, uuid
from celery.exceptions import Ignore, Reject
app.conf.update(task_default_queue='py', task_acks_late=True, task_create_missing_queues=True)

@app.task(name='py.add')
def add(x, y=10):
    return x + y

@app.task(name='py.fail')
def fail(message):
    raise ValueError(message, 42)

@app.task(name='py.echo', bind=True)
def echo(self, *args, **kwargs):
    return [list(args), kwargs, {'tenant': getattr(self.request, 'tenant', None)}, self.request.origin]

@app.task(name='py.flaky', bind=True, max_retries=3)
def flaky(self, want):
    if self.request.retries < want:
        raise self.retry(countdown=0.1)
    return self.request.retries

@app.task(name='py.forever', bind=True, max_retries=1)
def forever(self):
    raise self.retry(countdown=0.1, exc=KeyError('nope'))
`

let redis: RedisServer
let python: PythonCelery
let app: Lovage
const started: { stop(): Promise<void> }[] = []

beforeAll(async () => {
  redis = await startRedis()
  python = await pythonCelery({
    broker: redis.url,
    backend: redis.url,
    source: TASKS,
    args: ['-P', 'solo', '-Q', 'py'],
  })
})
afterAll(async () => {
  await python?.stop()
  await redis?.stop()
})
afterEach(async () => {
  for (const worker of started.splice(0)) await worker.stop()
  await app.close()
})

/** An app of ours beside Python's; Debian's Celery knows no typed JSON. */
function open(options: object = {}): Lovage {
  app = createTestApp('ts', {
    broker: redis.url,
    backend: redis.url,
    taskDefaultQueue: 'ts',
    jsonTypes: 'plain',
    ...options,
  })
  return app
}
async function work(queues: readonly string[] = ['ts']): Promise<void> {
  started.push(await startWorker(app, { queues, hostname: 'ts@localhost' }))
}
/** Runs Python that prints JSON. */
const ask = async (code: string): Promise<unknown> =>
  JSON.parse(await runPython(`import json\n${code}`, { broker: redis.url, backend: redis.url }))

describe('Python calls a TypeScript task on Redis', () => {
  test('with positional and keyword arguments, and gets its result', async () => {
    const add = open().task({
      name: 'ts.add',
      params: ['x', 'y'],
      run: (_ctx, x: number, y: number) => x + y,
    })
    await work()
    expect(add.name).toBe('ts.add')
    const answer = await ask(`
results = [app.send_task('ts.add', args=[1, 2], queue='ts'), app.send_task('ts.add', kwargs={'y': 40, 'x': 2}, queue='ts'), app.send_task('ts.add', args=[5], kwargs={'y': 5}, queue='ts')]
print(json.dumps([r.get(timeout=10) for r in results]))`)
    expect(answer).toEqual([3, 42, 10])
  })

  test('and sees a failure as an exception, with its type, message and traceback', async () => {
    open().task({
      name: 'ts.fail',
      run: () => {
        throw new RangeError('too far')
      },
    })
    await work()
    const answer = await ask(`
result = app.send_task('ts.fail', queue='ts')
try:
    result.get(timeout=10)
except Exception as error:
    print(json.dumps([type(error).__name__, str(error), result.state, 'RangeError' in result.traceback]))`)
    expect(answer).toEqual(['RangeError', 'too far', 'FAILURE', true])
  })

  test('and sees states: RETRY, a state of the task’s own, then SUCCESS', async () => {
    let go = (): void => {}
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    open().task({
      name: 'ts.slow',
      run: async (ctx) => {
        await ctx.updateState('PROGRESS', { done: 3 })
        await gate
        return 'end'
      },
    })
    await work()
    const answer = ask(`
import time
result = app.send_task('ts.slow', queue='ts', task_id='slow-1')
deadline = time.time() + 10
while result.state != 'PROGRESS' and time.time() < deadline: time.sleep(0.02)
seen = [result.state, result.info]
print(json.dumps(seen + [result.get(timeout=10)]))`)
    await until(async () => (await app.asyncResult('slow-1').state()) === 'PROGRESS')
    setTimeout(go, 200)
    expect(await answer).toEqual(['PROGRESS', { done: 3 }, 'end'])
  })

  test('with an ETA, an expiry, priorities, compression and headers', async () => {
    const runs: unknown[] = []
    open().task({
      name: 'ts.note',
      run: (ctx, what: string) => {
        runs.push([what, ctx.headers.tenant ?? null])
        return what
      },
    })
    const sent = await ask(`
import datetime
ids = [app.send_task('ts.note', args=['late'], queue='ts', expires=datetime.datetime.utcnow() - datetime.timedelta(seconds=5)).id,
       app.send_task('ts.note', args=['low'], queue='ts', priority=9).id,
       app.send_task('ts.note', args=['high'], queue='ts', priority=0, headers={'tenant': 'acme'}).id,
       app.send_task('ts.note', args=['zipped ' + 'x' * 5000], queue='ts', priority=0, compression='gzip').id,
       app.send_task('ts.note', args=['later'], queue='ts', countdown=6).id]
print(json.dumps(ids))`)
    const [late, ...others] = sent as string[]
    started.push(await startWorker(app, { queues: ['ts'], concurrency: 1, hostname: 'ts@localhost' }))
    for (const id of others) await app.asyncResult(id).get({ timeout: 30 })
    await until(async () => (await app.asyncResult(late ?? '').state()) === 'REVOKED')
    expect(runs.map((run) => String((run as unknown[])[0]).slice(0, 6))).toEqual([
      'high',
      'zipped',
      'low',
      'later',
    ])
    expect(runs[0]).toEqual(['high', 'acme'])
  })

  test('that retries itself: same id, one retry more each time', async () => {
    open().task({
      name: 'ts.flaky',
      maxRetries: 5,
      run: (ctx) => {
        if (ctx.retries < 2) throw ctx.retry({ countdown: 0.1, cause: new Error('again') })
        return [ctx.id, ctx.retries]
      },
    })
    await work()
    expect(
      await ask(
        `print(json.dumps(app.send_task('ts.flaky', queue='ts', task_id='flaky-1').get(timeout=20)))`,
      ),
    ).toEqual(['flaky-1', 2])
  })

  test('and Python’s dates, decimals and ids arrive as it sent them', async () => {
    open().task({ name: 'ts.echo', input: unchecked<Record<string, unknown>>(), run: (_ctx, input) => input })
    await work()
    const answer = await ask(`
import datetime, decimal, uuid
values = dict(at=datetime.datetime(2026, 11, 20, 1, 2, 3, tzinfo=datetime.timezone.utc), price=decimal.Decimal('9.90'), id=uuid.UUID(int=7), big=2**52, text='é😀')
print(json.dumps(app.send_task('ts.echo', kwargs=values, queue='ts').get(timeout=10)))`)
    expect(answer).toEqual({
      at: '2026-11-20T01:02:03Z',
      price: '9.90',
      id: '00000000-0000-0000-0000-000000000007',
      big: 2 ** 52,
      text: 'é😀',
    })
  })
})

describe('TypeScript calls a Python task on Redis', () => {
  test('with positional and keyword arguments, and gets its result', async () => {
    open()
    const results = await Promise.all([
      app.sendTask('py.add', { args: [1, 2], queue: 'py' }),
      app.sendTask('py.add', { kwargs: { x: 5 }, queue: 'py' }),
      app.sendTask('py.add', { args: [5], kwargs: { y: -5 }, queue: 'py', compression: 'gzip' }),
    ])
    expect(await Promise.all(results.map((result) => result.get({ timeout: 10 })))).toEqual([3, 15, 0])
  })

  test('and sees its failure with type, arguments and traceback', async () => {
    open()
    const result = await app.sendTask('py.fail', { args: ['boom'], queue: 'py' })
    await expect(result.get({ timeout: 10 })).rejects.toMatchObject({
      message: 'ValueError: boom, 42',
      details: { type: 'ValueError', message: ['boom', 42], module: 'builtins' },
    })
    expect(await result.traceback()).toMatch(/raise ValueError/)
  })

  test('and its headers, dates and ids reach it', async () => {
    open()
    const result = await app.sendTask('py.echo', {
      args: [
        new Date('2026-11-20T01:02:03Z'),
        new Decimal('9.90'),
        new Uuid('00000000-0000-0000-0000-000000000007'),
        2 ** 53 - 1,
        [null, true],
      ],
      kwargs: { name: 'é' },
      headers: { tenant: 'acme' },
      queue: 'py',
    })
    const [args, kwargs, headers, origin] = (await result.get({ timeout: 10 })) as [
      unknown[],
      object,
      Record<string, unknown>,
      string,
    ]
    expect(args.slice(1)).toEqual(['9.90', '00000000-0000-0000-0000-000000000007', 2 ** 53 - 1, [null, true]])
    expect(String(args[0])).toMatch(/^2026-11-20T01:02:03/)
    expect([kwargs, headers.tenant]).toEqual([{ name: 'é' }, 'acme'])
    expect(origin).toMatch(/^gen\d+@/)
  })

  test('with an ETA and a priority; its own retries and their end', async () => {
    open()
    const later = await app.sendTask('py.add', { args: [1, 1], queue: 'py', countdown: 0.5, priority: 9 })
    const flaky = await app.sendTask('py.flaky', { args: [2], queue: 'py' })
    const forever = await app.sendTask('py.forever', { queue: 'py' })
    expect(await later.get({ timeout: 15 })).toBe(2)
    expect(await flaky.get({ timeout: 15 })).toBe(2)
    await expect(forever.get({ timeout: 15 })).rejects.toMatchObject({ details: { type: 'KeyError' } })
  })

  test('that it does not know: both sides are told the same', async () => {
    open()
    const unknown = await app.sendTask('py.nothing', { queue: 'py' })
    await expect(unknown.get({ timeout: 10 })).rejects.toMatchObject({ code: 'LVG_TASK_NOT_REGISTERED' })
  })
})

describe('messages that would end a Python worker', () => {
  const envelope = (more: object): string =>
    JSON.stringify({
      body: Buffer.from('[[],{},null]').toString('base64'),
      'content-encoding': 'utf-8',
      'content-type': 'application/json',
      headers: { task: 'ts.ok', id: 'x' },
      properties: {
        body_encoding: 'base64',
        delivery_tag: `tag-${Math.random()}`,
        delivery_info: { exchange: '', routing_key: 'ts' },
      },
      ...more,
    })
  const bodied = (body: string): string => envelope({ body: Buffer.from(body).toString('base64') })

  test('are kept as dead letters, and the worker goes on', async () => {
    const ok = open().task({ name: 'ts.ok', run: () => 'ok' })
    await work()
    const hostile = [
      envelope({ headers: { task: 'ts.ok' } }),
      bodied('[[],{}]'),
      bodied('{"no": "task"}'),
      bodied('[[],[],null]'),
      bodied('[[],{},{"callbacks":{}}]'),
      envelope({ 'content-type': undefined }),
      envelope({ headers: { task: 'ts.ok', id: 'l1', timelimit: [1, 2, 3] } }),
      envelope({ headers: { task: 'ts.ok', id: 'l2', timelimit: 5 } }),
      envelope({ properties: {} }),
      envelope({ properties: undefined }),
      envelope({
        properties: {
          body_encoding: 'rot13',
          delivery_tag: 'r',
          delivery_info: { exchange: '', routing_key: 'ts' },
        },
      }),
      envelope({ body: '!!! not base64 !!!' }),
      envelope({ headers: { task: 'ts.ok', id: 'e1', eta: 12345 } }),
      envelope({ headers: { task: 'ts.ok', id: 'g1', compression: 'application/x-gzip' } }),
      envelope({ 'content-type': 'application/x-python-serialize', 'content-encoding': 'binary' }),
      '"a string"',
      '12',
      'no json at all',
      '[]',
      'null',
    ]
    const client = new Redis(redis.url)
    await client.lpush('ts', ...hostile)
    client.disconnect()
    const broker = await coreOf(app).broker()
    await until(async () => ((await broker.deadLetters.count()).get('ts') ?? 0) >= hostile.length, {
      timeoutMs: 15_000,
    })
    const kept = (await broker.deadLetters.list({ limit: 100 })).items.map(({ raw, reason, taskId }) => [
      raw.toString(),
      reason,
      taskId,
    ])
    expect(kept.filter(([raw]) => !hostile.includes(String(raw)))).toEqual([])
    expect((await broker.deadLetters.count()).get('ts')).toBe(hostile.length)
    expect(await (await ok.delay()).get({ timeout: 10 })).toBe('ok')
    const { items } = await broker.deadLetters.list({ limit: 100 })
    for (const letter of items) expect(letter.error.message).not.toBe('')
    expect(new Set(items.map(({ raw }) => raw.toString())).size).toBe(hostile.length)
  })
})

describe('on a queue that both serve', () => {
  test('each message runs once, whoever takes it', async () => {
    open().task({ name: 'py.add', params: ['x', 'y'], run: (_ctx, x: number, y = 10) => x + y })
    await work(['py'])
    const sent = await Promise.all(
      Array.from({ length: 200 }, (_, x) => app.sendTask('py.add', { args: [x], queue: 'py' })),
    )
    const values = await Promise.all(sent.map((result) => result.get({ timeout: 20 })))
    expect(values).toEqual(Array.from({ length: 200 }, (_, x) => x + 10))
  })
})
