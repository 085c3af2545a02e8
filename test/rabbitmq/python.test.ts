import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { broadcast, type Lovage, Queue, startWorker, type Worker } from 'lovage'
import { createTestApp, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { Command, lovage } from '../cli/command.js'
import { importProgram, readGuide, words } from '../guides/guide.js'
import {
  type PythonCelery,
  pythonCelery,
  type RabbitServer,
  type RedisServer,
  runPython,
  startRabbit,
  startRedis,
} from '../servers.js'

vi.setConfig({ testTimeout: 90_000 })
const WITHIN = 60_000

const TASKS = `
from kombu import Queue
app.conf.update(task_default_queue='py', task_acks_late=True, worker_prefetch_multiplier=1)
app.conf.task_queues = [Queue('py', queue_arguments={'x-max-priority': 9}), Queue('both')]

@app.task(name='py.echo', bind=True)
def echo(self, *args, **kwargs):
    return [list(args), kwargs, self.request.timelimit, getattr(self.request, 'tenant', None)]

@app.task(name='both.note')
def note(n):
    return ['py', n]

@app.task(name='py.flaky', bind=True, max_retries=3)
def flaky(self, want):
    if self.request.retries < want:
        raise self.retry(countdown=0.1)
    return self.request.retries
`

let rabbit: RabbitServer
let redis: RedisServer
let python: PythonCelery
let app: Lovage
let folder: string
const started: Worker[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-rabbit-'))
  ;[rabbit, redis] = await Promise.all([startRabbit(), startRedis()])
  python = await startPython()
}, 180_000)
afterAll(async () => {
  await python?.stop()
  await redis?.stop()
  await rabbit?.stop()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})
afterEach(async () => {
  for (const worker of started.splice(0)) await worker.stop()
  await app?.close()
})

const startPython = (): Promise<PythonCelery> =>
  pythonCelery({
    broker: rabbit.url(),
    backend: redis.url,
    source: TASKS,
    args: ['-P', 'solo', '-Q', 'py,both'],
  })

/** An app of ours beside Python's; Debian's Celery knows no typed JSON. */
function open(options: object = {}): Lovage {
  app = createTestApp('ts', {
    broker: rabbit.url(),
    backend: redis.url,
    taskDefaultQueue: 'ts',
    jsonTypes: 'plain',
    ...options,
  })
  return app
}
async function work(queues: readonly string[] = ['ts']): Promise<Worker> {
  const worker = await startWorker(app, { queues, hostname: 'ts@localhost' })
  started.push(worker)
  return worker
}
/** Runs Python that prints JSON. */
const ask = async (code: string): Promise<unknown> =>
  JSON.parse(await runPython(`import json\n${code}`, { broker: rabbit.url(), backend: redis.url }))
/** What an operator sees: name, messages, consumers. */
const listQueues = async (): Promise<readonly (readonly string[])[]> =>
  (await rabbit.ctl('list_queues', 'name', 'messages', 'consumers'))
    .split('\n')
    .map((line) => line.split(/\s+/))

describe('Python calls a TypeScript task on RabbitMQ', () => {
  test('with arguments of every kind, numbers in headers, and gets its result', async () => {
    open().task({
      name: 'ts.add',
      params: ['x', 'y'],
      run: (ctx, x: number, y: number) => [x + y, ctx.headers.tenant],
    })
    await work()
    expect(
      await ask(`
ask = lambda **options: app.send_task('ts.add', queue='ts', time_limit=300, soft_time_limit=200, **options)
results = [ask(args=[1, 2], headers={'tenant': 2 ** 40}), ask(kwargs={'y': 40, 'x': 2}, headers={'tenant': -300}), ask(args=[5], kwargs={'y': 5}, headers={'tenant': 32767})]
print(json.dumps([r.get(timeout=60) for r in results]))`),
    ).toEqual([
      [3, 2 ** 40],
      [42, -300],
      [10, 32_767],
    ])
  })

  test('later: no worker holds it meanwhile, and RabbitMQ shows where it waits', async () => {
    const runs: number[] = []
    open().task({ name: 'ts.late', run: (_ctx, atMs: number) => void runs.push(Date.now() - atMs) })
    await work()
    await ask(`
import time
app.send_task('ts.late', args=[time.time() * 1000], queue='ts', countdown=86400)
app.send_task('ts.late', args=[time.time() * 1000], queue='ts', countdown=4)
print(1)`)
    const delayed = async (): Promise<number> =>
      (await listQueues())
        .filter(([name]) => name?.startsWith('celery_delayed_'))
        .reduce((sum, [, messages]) => sum + Number(messages), 0)
    // Or the nearer one is through already, on a machine that was busy.
    await until(async () => (await delayed()) === 2 || runs.length > 0, { timeoutMs: WITHIN })
    // The one that waits a day stands before nobody.
    await until(() => runs.length > 0, { timeoutMs: WITHIN })
    expect(runs[0]).toBeGreaterThanOrEqual(3_900)
    await until(async () => (await delayed()) === 1, { timeoutMs: WITHIN })
    // Nothing is ready, and nothing held.
    const mine = async () => (await listQueues()).find(([name]) => name === 'ts')
    await until(async () => (await mine())?.join() === 'ts,0,1', { timeoutMs: WITHIN })
  })

  test('that retries itself in the broker', async () => {
    open().task({
      name: 'ts.flaky',
      maxRetries: 3,
      run: (ctx, want: number) => {
        if (ctx.retries < want) throw ctx.retry({ countdown: 0.1 })
        return ctx.retries
      },
    })
    await work()
    expect(
      await ask(`print(json.dumps(app.send_task('ts.flaky', args=[2], queue='ts').get(timeout=60)))`),
    ).toBe(2)
  })
})

describe('TypeScript calls a Python task on RabbitMQ', () => {
  test('with arguments, limits and headers that Python reads as they are', async () => {
    open()
    const result = await app.sendTask('py.echo', {
      args: [1, 'é', null],
      kwargs: { deep: { list: [1.5, true] } },
      queue: new Queue('py', { maxPriority: 9 }),
      timeLimit: 300,
      softTimeLimit: 200,
      headers: { tenant: 128 },
    })
    expect(await result.get({ timeout: 60 })).toEqual([
      [1, 'é', null],
      { deep: { list: [1.5, true] } },
      [300, 200],
      128,
    ])
  })

  test('that retries, and later', async () => {
    open()
    const sent = [
      await app.sendTask('py.flaky', { args: [2], queue: new Queue('py', { maxPriority: 9 }) }),
      await app.sendTask('py.echo', { queue: new Queue('py', { maxPriority: 9 }), countdown: 1 }),
    ]
    expect(await Promise.all(sent.map((result) => result.get({ timeout: 60 })))).toEqual([
      2,
      [[], {}, [null, null], null],
    ])
  })
})

describe('workers of both languages on RabbitMQ', () => {
  test('share a queue: every task is done, by one of them', async () => {
    open().task({ name: 'both.note', run: (_ctx, n: number) => ['ts', n] })
    await work(['both'])
    const sent = await Promise.all(
      Array.from({ length: 200 }, (_, n) => app.sendTask('both.note', { args: [n], queue: 'both' })),
    )
    const done = await Promise.all(sent.map((result) => result.get({ timeout: 60 })))
    expect(done.map((value) => (value as [string, number])[1])).toEqual(sent.map((_, n) => n))
  })

  test('take the urgent first', async () => {
    const order: number[] = []
    open({ taskQueues: [new Queue('urgent', { maxPriority: 9 })] }).task({
      name: 'ts.note',
      run: (_ctx, n: number) => void order.push(n),
    })
    for (const priority of [0, 5, 9])
      await app.sendTask('ts.note', { args: [priority], queue: 'urgent', priority })
    await ask(`
from kombu import Queue
app.conf.task_queues = [Queue('urgent', queue_arguments={'x-max-priority': 9})]
for priority in (3, 8): app.send_task('ts.note', args=[priority], queue='urgent', priority=priority)
print(1)`)
    started.push(await startWorker(app, { queues: ['urgent'], hostname: 'ts@localhost', concurrency: 1 }))
    await until(() => order.length === 5, { timeoutMs: WITHIN })
    expect(order).toEqual([9, 8, 5, 3, 0])
  })

  test('see each other by remote control', async () => {
    open().task({ name: 'ts.add', run: () => 1 })
    await work()
    expect(await python.run('print(app.control.ping(timeout=30, limit=2))')).toMatch(
      new RegExp(`(?=.*ts@localhost)(?=.*${python.nodeName})`),
    )
    const registered = await app.control.inspect({ timeout: 20, destination: [python.nodeName] }).registered()
    expect(registered[python.nodeName]).toContain('py.echo')
    const queues = await app.control.inspect({ timeout: 20, destination: [python.nodeName] }).activeQueues()
    expect(queues[python.nodeName]).toMatchObject([{ name: 'py' }, { name: 'both' }])
  })

  test('use a queue that exists with other arguments as it is, with one warning', async () => {
    await ask(`
from kombu import Queue, Connection
with Connection('${rabbit.url()}') as connection:
    Queue('theirs', queue_arguments={'x-max-length': 1000}).bind(connection.channel()).declare()
print(1)`)
    const warnings: string[] = []
    const logger: Lovage['logger'] = {
      debug() {},
      info() {},
      warn: (_fields, text) => void warnings.push(text),
      error() {},
      child: () => logger,
    }
    open({ logger }).task({ name: 'ts.theirs', run: () => 'ran' })
    await work(['theirs'])
    const result = await app.sendTask('ts.theirs', { queue: 'theirs' })
    expect(await result.get({ timeout: 60 })).toBe('ran')
    expect(warnings.filter((text) => text.includes('queue theirs exists'))).toHaveLength(1)
  })

  test('get a copy each of what is broadcast, by either language', async () => {
    const heard: string[] = []
    const options = { taskQueues: [broadcast('reload')] }
    const second = createTestApp('ts', {
      broker: rabbit.url(),
      backend: redis.url,
      jsonTypes: 'plain',
      ...options,
    })
    for (const [name, one] of [
      ['a', open(options)],
      ['b', second],
    ] as const) {
      one.task({ name: 'ts.reload', run: (_ctx, from: string) => void heard.push(`${name} ${from}`) })
      started.push(await startWorker(one, { queues: ['reload'], hostname: `${name}@localhost` }))
    }
    await app.sendTask('ts.reload', { args: ['ts'], queue: 'reload' })
    await ask(`
from kombu.common import Broadcast
app.conf.task_queues = [Broadcast('reload')]
app.send_task('ts.reload', args=['py'], queue='reload')
print(1)`)
    await until(() => heard.length === 4, { timeoutMs: WITHIN })
    expect([...heard].sort()).toEqual(['a py', 'a ts', 'b py', 'b ts'])
    for (const worker of started.splice(0)) await worker.stop()
    await second.close()
  })

  test('use quorum queues, and what Celery from 5.5 on delays for them', async () => {
    const runs: string[] = []
    const exchange = { exchange: 'quorum-x', exchangeType: 'topic', routingKey: 'quorum.key' } as const
    open({
      taskQueues: [new Queue('quorum', { ...exchange, arguments: { 'x-queue-type': 'quorum' } })],
    }).task({ name: 'ts.quorum', run: (_ctx, what: string) => void runs.push(what) })
    await work(['quorum'])
    await app.sendTask('ts.quorum', { args: ['now'], queue: 'quorum' })
    await until(() => runs.length === 1, { timeoutMs: WITHIN })
    // As kombu's producer does it for a countdown of 1 (docs/internals/wire.md#delays-on-rabbitmq; not run against 5.5 itself).
    const digits = `${'0.'.repeat(27)}1`
    await ask(`
from kombu import Connection, Producer
with Connection('${rabbit.url()}') as connection:
    Producer(connection).publish([['later'], {}, {}], exchange='celery_delayed_27', routing_key='${digits}.quorum.key',
        serializer='json', headers={'task': 'ts.quorum', 'id': 'from-python', 'lang': 'py'}, correlation_id='from-python')
print(1)`)
    await until(() => runs.length === 2, { timeoutMs: WITHIN })
    expect(runs).toEqual(['now', 'later'])
  })
})

describe('the command line on RabbitMQ', () => {
  const run = (...args: readonly string[]) =>
    lovage(['-b', rabbit.url(), '--result-backend', redis.url, ...args], { cwd: folder })

  test('looks into queues, empties them, and says what AMQP does not tell', async () => {
    open()
    await app.sendTask('nobody.knows', { queue: 'waiting' })
    expect(await run('amqp', 'queue.depth', 'waiting')).toMatchObject({
      code: 0,
      stdout: 'ready 1, delayed ?, unacked ?',
    })
    expect((await run('queues', 'waiting')).stdout).toMatch(/waiting +1 +- +- +0/)
    expect(await run('purge', '-f', 'waiting')).toMatchObject({ code: 0 })
    expect((await run('queues', 'waiting', '--json')).stdout).toContain('"ready":0')
    expect(await run('purge', '-f', 'waitign')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('no queue waitign'),
    })
    for (const args of [
      ['list', 'bindings'],
      ['queue', 'list', 'waiting'],
    ])
      expect(await run(...args)).toMatchObject({
        stderr: expect.stringMatching(/cannot list/),
        code: 78,
      })
  })

  test('asks workers of both languages, and tells one to end', async () => {
    open().task({ name: 'ts.add', run: () => 1 })
    const worker = await work()
    const { stdout } = await run('inspect', 'ping', '-d', `ts@localhost,${python.nodeName}`, '-t', '30')
    expect(stdout).toContain('ts@localhost')
    expect(stdout).toContain(python.nodeName)
    expect((await run('control', 'pool_grow', '2', '-d', 'ts@localhost', '-t', '10')).code).toBe(0)
    expect(worker.pool.slots).toBeGreaterThan(2)
    // RabbitMQ has no place for agreements: what can be told to those that are up is told, what cannot is refused.
    expect((await run('control', 'revoke', 'unwanted')).code).toBe(0)
    await until(() => worker.limits.revokes.ids.includes('unwanted'), { timeoutMs: WITHIN })
    expect(await run('pause', 'ts')).toMatchObject({
      stderr: expect.stringMatching(/stores messages only.*\n.*coordinationUrl/),
    })
  })
})

test('a Python worker is served after RabbitMQ was killed, and so is ours', {
  timeout: 180_000,
}, async () => {
  open().task({ name: 'ts.after', run: () => 'ran' })
  await work()
  await rabbit.restart()
  const mine = await app.sendTask('ts.after', { queue: 'ts' })
  expect(await mine.get({ timeout: 60 })).toBe('ran')
  await python.stop()
  python = await startPython()
  const theirs = await app.sendTask('py.flaky', { args: [0], queue: new Queue('py', { maxPriority: 9 }) })
  expect(await theirs.get({ timeout: 60 })).toBe(0)
})

test('the programs and commands of the guide to RabbitMQ run', async () => {
  const { programs, commands, makeShop } = readGuide('rabbitmq.md')
  const broker = await rabbit.createVhost('guide')
  const here = (code: string): string =>
    code
      .replaceAll('amqp://guest:guest@localhost:5672/', broker)
      .replaceAll('redis://localhost:6379/0', redis.url)
  using shop = makeShop()
  shop.write(Object.fromEntries(programs.map(({ name, code }) => [name, here(code)])))
  await using worker = new Command(['-A', 'app.ts', 'worker', '-l', 'info'], { cwd: shop.folder })
  await worker.says(/ready/)
  const { code, stderr } = await importProgram(shop, 'send.ts')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  for (const line of commands)
    expect(await lovage(words(line).slice(1), { cwd: shop.folder }), line).toMatchObject({
      code: 0,
      stderr: '',
    })
})
