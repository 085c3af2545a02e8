import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { Command, lovage } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { type PythonCelery, pythonCelery, type RedisServer, startRedis } from '../servers.js'
import { BROKERS } from './brokers.js'

// Programs are started here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 90_000 })

let folder: string
let redis: RedisServer
let python: PythonCelery
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-operations-'))
  redis = await startRedis()
  python = await pythonCelery({
    broker: redis.url,
    backend: redis.url,
    source: `
app.conf.update(task_default_queue='py')

@app.task(name='py.add')
def add(x, y):
    return x + y

@app.task(name='py.fail')
def fail():
    raise ValueError('no such thing')
`,
    args: ['-P', 'solo', '-Q', 'py'],
  })
})
afterAll(async () => {
  await python?.stop()
  await redis?.stop()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

const APP = `
import { Lovage } from 'lovage'
export const app = new Lovage('shop', { taskDefaultQueue: 'shop' })
app.task({ name: 'shop.add', run: (_ctx, x: number, y: number) => x + y })
app.task({ name: 'shop.fail', run: () => { throw new RangeError('no such thing') } })
app.task({
  name: 'shop.again',
  maxRetries: 1,
  run: (ctx) => { if (ctx.retries === 0) throw ctx.retry({ countdown: 0 }) },
})
app.task({ name: 'shop.hang', run: () => new Promise(() => {}) })
app.deployChecks.push(
  { name: 'warehouse', run: async () => 'answers' },
  { name: 'rollback page', run: () => { if (!process.env.ROLLBACK_PAGE) throw new Error('there is none') } },
)`
const makeShop = () => makeProject({ 'package.json': '{"name":"shop","type":"module"}', 'app.ts': APP })

describe('logtool', () => {
  test('reads the logs of our workers, as JSON and for people, and Python’s', {
    timeout: 120_000,
  }, async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const env = { CELERY_BROKER_URL: redis.url, CELERY_RESULT_BACKEND: redis.url }
    await using worker = new Command(
      ['-A', 'app', 'worker', '-l', 'info', '-n', 'logs@box', '--logfile', 'worker.log'],
      { cwd, env },
    )
    const log = () => {
      try {
        return readFileSync(shop.path('worker.log'), 'utf8')
      } catch {
        return ''
      }
    }
    await until(() => / ready/.test(log()), { timeoutMs: 30_000 })
    const app = createTestApp('client', { broker: redis.url, backend: redis.url })
    try {
      const add = (task: string, queue: string) => app.sendTask(task, { args: [1, 2], queue })
      const results = [
        await add('shop.add', 'shop'),
        await add('shop.add', 'shop'),
        await add('py.add', 'py'),
      ]
      const failing = [
        await app.sendTask('shop.fail', { queue: 'shop' }),
        await app.sendTask('py.fail', { queue: 'py' }),
      ]
      results.push(await app.sendTask('shop.again', { queue: 'shop' }))
      const hangs = await app.sendTask('shop.hang', { queue: 'shop' })
      for (const result of results) await result.get({ timeout: 30 })
      for (const result of failing) await result.get({ timeout: 30, propagate: false })
      // Lines are written after results are stored.
      await until(
        () =>
          ['received', 'retry', 'raised'].every((word) => log().includes(word)) && log().includes(hangs.id),
        { timeoutMs: 30_000 },
      )
      await until(() => log().split('succeeded in').length > 3 && /py\.fail\[.*raised/.test(python.log), {
        timeoutMs: 30_000,
      })
      // As a terminal shows it.
      const pretty = log()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
        .map(({ msg, traceback }) => `[12:00:00.000] INFO: ${msg}${traceback ? `\n${traceback}` : ''}`)
        .join('\n')
      writeFileSync(shop.path('pretty.log'), pretty)
      writeFileSync(shop.path('python.log'), python.log)
      const read = (what: string, ...files: readonly string[]) => lovage(['logtool', what, ...files], { cwd })
      for (const file of ['worker.log', 'pretty.log']) {
        expect(JSON.parse((await read('stats', '--json', file)).stdout), file).toEqual({
          total: 5,
          errors: 1,
          succeeded: 3,
          completed: 4,
          retried: 1,
          types: expect.arrayContaining([
            ['shop.add', 2],
            ['shop.fail', 1],
          ]),
        })
        expect((await read('incomplete', file)).stdout).toBe(`Did not complete: ${hangs.id} shop.hang`)
        expect((await read('errors', file)).stdout).toMatch(/^.*shop\.fail.*$/)
        expect((await read('traces', file)).stdout).toMatch(/RangeError: no such thing\n +at /)
      }
      expect((await read('stats', 'python.log')).stdout).toMatch(
        /Task total: 2\nTask errors: 1\nTask success: 1\nTask completed: 2\n[\s\S]*py\.add: 1/,
      )
      expect((await read('traces', 'python.log')).stdout).toMatch(/Traceback[\s\S]*ValueError: no such thing/)
      expect((await read('errors', 'worker.log', 'python.log')).stdout.split('\n')).toHaveLength(2)
      expect((await read('debug', 'python.log')).stdout).toMatch(/ready\./)
      expect(await read('stats', 'nowhere.log')).toMatchObject({
        code: 64,
        stderr: expect.stringMatching(/nowhere\.log/),
      })
      expect(await read('else', 'worker.log')).toMatchObject({ code: 64 })
      expect(
        (
          await lovage(['logtool', 'stats', '--json'], {
            cwd,
            input: '{"msg": "Task a.b[1] received"}\n{broken\nnothing\n',
          })
        ).stdout,
      ).toMatch(/"total":1/)
    } finally {
      await app.close()
    }
    worker.signal('SIGQUIT')
    await worker.exited
  })
})

test.each(BROKERS)('list shows the queues and bindings that $name has', async ({ start }) => {
  const broker = await start()
  const app = createTestApp('ts', { broker: broker.url, backend: broker.backend })
  try {
    await (await coreOf(app).broker()).declare([
      { name: 'mail', exchange: 'letters', exchangeType: 'topic', routingKey: 'mail.#' },
      { name: 'plain' },
    ])
    const { stdout } = await lovage(['-b', broker.url, 'list', 'bindings'], { cwd: folder })
    expect(stdout).toMatch(
      /^Queue +Exchange +Routing Key\n-+ +-+ +-+\nmail +letters +mail\.#\nplain +plain +plain$/,
    )
    const json = await lovage(['-b', broker.url, 'list', 'bindings', '--json'], { cwd: folder })
    expect(JSON.parse(json.stdout)).toContainEqual({
      queue: 'mail',
      exchange: 'letters',
      type: 'topic',
      routingKey: 'mail.#',
    })
    expect((await lovage(['-b', broker.url, 'list', 'queues'], { cwd: folder })).stdout.split('\n')).toEqual(
      expect.arrayContaining(['mail', 'plain']),
    )
    expect((await lovage(['-b', broker.url, 'list', 'all'], { cwd: folder })).code).toBe(64)
    expect(await lovage(['-b', broker.url, 'amqp'], { cwd: folder })).toMatchObject({
      code: 78,
      stderr: expect.stringMatching(/does not speak AMQP/),
    })
  } finally {
    await app.close()
    await broker.stop()
  }
})

describe('graph', () => {
  test('draws workers of both languages', async () => {
    const app = createTestApp('ts', { broker: redis.url, backend: redis.url, taskDefaultQueue: 'ts' })
    const worker = await startTestWorker(app, { hostname: 'ts"1@box' })
    try {
      const { code, stdout } = await lovage(['-b', redis.url, 'graph', 'workers', '-t', '3'], { cwd: folder })
      expect(code).toBe(0)
      expect(stdout).toMatch(/^digraph workers \{[\s\S]*\}$/)
      expect(stdout).toContain(String.raw`"queue ts" -> "worker ts\"1@box"`)
      expect(stdout).toContain(`"queue py" -> "worker ${python.nodeName}"`)
      expect(stdout).toContain(`"worker ${python.nodeName}" -> "results"`)
    } finally {
      await worker.stop()
      await app.close()
    }
  })

  test('draws the parts of a worker in the order of their start, and says when nobody answers', async () => {
    using shop = makeShop()
    const { stdout } = await lovage(['-A', 'app', 'graph', 'bootsteps'], { cwd: shop.folder })
    expect(stdout).toMatch(/digraph bootsteps[\s\S]*broker[\s\S]*pool[\s\S]*remote control[\s\S]*consumer/)
    const nobody = await lovage(['-A', 'app', 'graph', 'workers', '-t', '0.3'], { cwd: shop.folder })
    expect(nobody.code).toBe(69)
  })
})

describe('check --deploy', () => {
  const check = async (cwd: string, env: NodeJS.ProcessEnv = {}) => {
    const { code, stdout, stderr } = await lovage(['-A', 'app', 'check', '--deploy', '--json'], { cwd, env })
    if (stdout === '') throw new Error(stderr)
    const found: readonly { check: string; verdict: string; detail: string }[] = JSON.parse(stdout)
    return { code, of: (name: string) => found.find((one) => one.check === name) }
  }

  test('fails while a queue has no worker, and passes with one', { timeout: 90_000 }, async () => {
    using shop = makeShop()
    const env = { CELERY_BROKER_URL: `sqlite://${shop.folder}/queue.db`, ROLLBACK_PAGE: 'https://runbook' }
    const before = await check(shop.folder, env)
    expect(before.code).toBe(1)
    expect(before.of('worker on shop')).toMatchObject({
      verdict: 'fail',
      detail: expect.stringMatching(/no worker consumes it; its tasks: shop\.add/),
    })
    await using worker = new Command(['-A', 'app', 'worker', '-l', 'info', '-n', 'w@box'], {
      cwd: shop.folder,
      env,
    })
    await worker.says(/ ready/)
    // A busy machine may answer later than it is waited for.
    const after = await until(
      async () => {
        const found = await check(shop.folder, env)
        return found.code === 0 && found
      },
      { timeoutMs: 60_000 },
    )
    expect(after.of('worker on shop')).toMatchObject({ verdict: 'pass', detail: 'consumed by w@box' })
    expect(after.of('sizing')).toMatchObject({
      verdict: 'pass',
      detail: expect.stringMatching(/100 slots of 1 worker$/),
    })
    expect(after.of('warehouse')).toMatchObject({ verdict: 'pass', detail: 'answers' })
    expect(after.of('rollback page')).toMatchObject({ verdict: 'pass' })
    expect(after.of('time limits')).toMatchObject({ verdict: 'warn' })
    expect(after.of('monitoring and alerts')).toMatchObject({ verdict: 'warn' })
    worker.signal('SIGTERM')
    expect(await worker.exited).toBe(0)
  })

  test('names what harms in production, and what the app itself misses', async () => {
    using shop = makeShop()
    const bare = await check(shop.folder)
    expect(bare.code).toBe(1)
    expect(bare.of('broker URL')).toMatchObject({ verdict: 'fail' })
    expect(bare.of('rollback page')).toMatchObject({ verdict: 'fail', detail: 'there is none' })
    const harmful = await check(shop.folder, {
      CELERY_BROKER_URL: 'memory://x',
      CELERY_TASK_ALWAYS_EAGER: '1',
      CELERY_ACCEPT_CONTENT: 'json,yaml',
      CELERY_TASK_ACKS_LATE: '0',
    })
    expect(harmful.code).toBe(1)
    for (const [name, verdict] of [
      ['broker', 'fail'],
      ['taskAlwaysEager', 'fail'],
      ['acceptContent', 'fail'],
      ['taskAcksLate', 'warn'],
    ] as const)
      expect(harmful.of(name), name).toMatchObject({ verdict })
    expect(await lovage(['-A', 'app', 'check'], { cwd: shop.folder })).toMatchObject({ code: 64 })
  })
})
