import { type AsyncResult, type Lovage, type Middleware, startWorker } from 'lovage'
import { createTestApp, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { everyStore } from '../every-store.js'
import {
  type PythonCelery,
  pythonCelery,
  type RabbitServer,
  type RedisServer,
  runPython,
  startRabbit,
  startRedis,
} from '../servers.js'

/** Who calls, and whether that call and its task ignore the result. */
const CASES = [
  ['a task that ignores its results', 'quiet', {}, false],
  ['a call of it with ignoreResult: false', 'quiet', { ignoreResult: false }, true],
  ['a call by name of it', 'by name', {}, false],
  ['a call with ignoreResult: true', 'plain', { ignoreResult: true }, false],
  ['a task that ignores nothing', 'plain', {}, true],
] as const

const opened: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

/** An app whose tasks run until its gate opens, so that STARTED is stored where it may be. */
function openApp(broker: string, backend: string, settings: object = {}) {
  const app = createTestApp('ts', {
    broker,
    backend,
    jsonTypes: 'plain',
    taskDefaultQueue: 'ts',
    ...settings,
  })
  opened.push(app)
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const run = async (): Promise<string> => {
    await gate
    return 'end'
  }
  const quiet = app.task({ name: 'ts.quiet', ignoreResult: true, run })
  const plain = app.task({ name: 'ts.plain', run })
  return { app, quiet, plain, open }
}
async function work(app: Lovage): Promise<{ stop(): Promise<void> }> {
  const worker = await startWorker(app, { queues: ['ts'], hostname: 'ts@localhost' })
  opened.push({ close: () => worker.stop() })
  return worker
}

/** Our callers, our worker. */
async function storesWhatIsWanted(broker: string, backend: string): Promise<void> {
  const { app, quiet, plain, open } = openApp(broker, backend)
  const client = createTestApp('client', { broker, backend, taskDefaultQueue: 'ts' })
  opened.push(client)
  const worker = await work(app)
  const sent: { readonly what: string; readonly result: AsyncResult<unknown>; readonly stored: boolean }[] =
    []
  for (const [what, how, options, stored] of CASES) {
    const result =
      how === 'by name'
        ? await client.sendTask('ts.quiet', options)
        : await (how === 'quiet' ? quiet : plain).applyAsync([], options)
    sent.push({ what, result, stored })
  }
  // STARTED is stored in batches, in the order in which tasks begin: the last one's tells that of all.
  await until(async () => (await sent.at(-1)?.result.state()) === 'STARTED', { timeoutMs: 20_000 })
  const seen = async () =>
    Object.fromEntries(
      await Promise.all(
        sent.map(async ({ what, result: { id } }) => [what, await client.asyncResult(id).state()] as const),
      ),
    )
  const expected = (state: string) =>
    Object.fromEntries(sent.map(({ what, stored }) => [what, stored ? state : 'PENDING']))
  // A reply goes to its caller alone.
  if (backend !== 'rpc://') expect(await seen()).toEqual(expected('STARTED'))
  open()
  await Promise.all(sent.filter(({ stored }) => stored).map(({ result }) => result.get({ timeout: 20 })))
  await worker.stop()
  if (backend !== 'rpc://') expect(await seen()).toEqual(expected('SUCCESS'))
  else
    for (const { what, result, stored } of sent)
      expect([what, await result.state()]).toEqual([what, stored ? 'SUCCESS' : 'PENDING'])
}

describe('results that nobody wants', { timeout: 120_000 }, () => {
  let rabbit: RabbitServer | undefined
  afterAll(async () => {
    await rabbit?.stop()
  })
  test.each(everyStore('ignored'))('are stored nowhere on %s, STARTED included', async (_name, freshUrl) => {
    const url = await freshUrl()
    await storesWhatIsWanted(url, url)
  })
  test('are not answered over RabbitMQ', async () => {
    rabbit = await startRabbit()
    await storesWhatIsWanted(rabbit.url(), 'rpc://')
  }, 150_000)

  test('are said in the header: by the call, else the task, else the setting; a bare name leaves it to the worker', async () => {
    const headers: unknown[] = []
    const noting: Middleware = {
      name: 'noting',
      publish: async ({ messages }) => {
        headers.push(...messages.map((one) => one.headers.ignore_result))
      },
    }
    const settings = { middleware: [noting] }
    const { app, quiet, plain } = openApp('memory://headers', 'memory://headers', settings)
    await quiet.delay()
    await plain.delay()
    await quiet.applyAsync([], { ignoreResult: false })
    await app.sendTask('elsewhere')
    const quietly = createTestApp('quiet', { ...settings, taskIgnoreResult: true })
    opened.push(quietly)
    await quietly.task({ name: 'a', run: () => 1 }).delay()
    await quietly.sendTask('elsewhere')
    await quietly.sendTask('elsewhere', { ignoreResult: false })
    expect(headers).toEqual([true, false, false, null, true, true, false])
  })

  test('are not waited for: the call’s result is null at once', async () => {
    const { app, quiet, plain } = openApp('memory://unwaited', 'memory://unwaited')
    expect(await (await quiet.delay()).get()).toBeNull()
    const result = await plain.applyAsync([], { ignoreResult: true })
    expect([result.ignored, await result.get()]).toEqual([true, null])
    expect((await plain.delay()).ignored).toBe(false)
    expect(app.conf.taskIgnoreResult).toBe(false)
  })

  test('are stored neither for revoked tasks nor for steps that will not run, unless errors are wanted', async () => {
    const { app, quiet, plain } = openApp('memory://doomed', 'memory://doomed')
    const fail = (): never => {
      throw new RangeError('no')
    }
    const fails = app.task({ name: 'ts.fails', run: fail })
    const told = app.task({ name: 'ts.told', ignoreResult: true, storeErrorsEvenIfIgnored: true, run: fail })
    const revoked = [await quiet.applyAsync([], { expires: -1 }), await plain.applyAsync([], { expires: -1 })]
    const noted = await told.applyAsync([], { expires: -1 })
    const doomed = await fails.s().pipe(quiet.si()).pipe(plain.si()).applyAsync()
    const failed = await told.delay()
    await work(app)
    await expect(doomed.get({ timeout: 20 })).rejects.toThrow('RangeError')
    const state = (id: string) => app.asyncResult(id).state()
    await until(async () => (await state(failed.id)) === 'FAILURE')
    expect(await Promise.all(revoked.map(({ id }) => state(id)))).toEqual(['PENDING', 'REVOKED'])
    expect(await state(noted.id)).toBe('REVOKED')
    expect([await state(doomed.parent?.id ?? ''), await state(doomed.parent?.parent?.id ?? '')]).toEqual([
      'PENDING',
      'FAILURE',
    ])
  })
})

describe('between the languages', { timeout: 60_000 }, () => {
  let redis: RedisServer
  let python: PythonCelery
  beforeAll(async () => {
    redis = await startRedis()
    python = await pythonCelery({
      broker: redis.url,
      backend: redis.url,
      source: `
app.conf.update(task_default_queue='py')

@app.task(name='py.quiet', ignore_result=True)
def quiet():
    return 1

@app.task(name='py.plain')
def plain():
    return 1
`,
      args: ['-P', 'solo', '-Q', 'py'],
    })
  })
  afterAll(async () => {
    await python?.stop()
    await redis?.stop()
  })

  test('what Python’s call says holds here, before what our task says', async () => {
    const { app, open } = openApp(redis.url, redis.url)
    await work(app)
    const ids = JSON.parse(
      await runPython(
        `
import json
@app.task(name='ts.quiet', ignore_result=True)
def quiet(): pass
@app.task(name='ts.plain')
def plain(): pass
print(json.dumps([one.id for one in [
  quiet.apply_async(queue='ts'), plain.apply_async(queue='ts', ignore_result=True),
  quiet.apply_async(queue='ts', ignore_result=False), plain.apply_async(queue='ts')]]))`,
        { broker: redis.url, backend: redis.url },
      ),
    ) as string[]
    const states = () => Promise.all(ids.map((id) => app.asyncResult(id).state()))
    await until(async () => (await app.asyncResult(ids[3] ?? '').state()) === 'STARTED')
    expect(await states()).toEqual(['PENDING', 'PENDING', 'STARTED', 'STARTED'])
    open()
    await until(async () => (await app.asyncResult(ids[3] ?? '').state()) === 'SUCCESS')
    expect(await states()).toEqual(['PENDING', 'PENDING', 'SUCCESS', 'SUCCESS'])
  })

  test('what our call and setting say holds in Python, and its own task where they say nothing', async () => {
    const { app } = openApp(redis.url, redis.url)
    const quietly = createTestApp('quietly', {
      broker: redis.url,
      backend: redis.url,
      taskIgnoreResult: true,
    })
    opened.push(quietly)
    const queue = 'py'
    const silent = [
      await app.sendTask('py.quiet', { queue }),
      await app.sendTask('py.plain', { queue, ignoreResult: true }),
      await quietly.sendTask('py.plain', { queue }),
    ]
    const told = await app.sendTask('py.plain', { queue })
    expect(await told.get({ timeout: 20 })).toBe(1)
    // The worker of one process has finished with the calls before it.
    const stored = await (await coreOf(app).results()).get(silent.map(({ id }) => id))
    expect(stored.map(({ state }) => state).filter((state) => state !== 'PENDING')).toEqual([])
  })
})
