import { chain, chord, group, type Lovage, Reject, type Signature, type TaskContext } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { everyStore } from '../every-store.js'
import { runPython, startRedis } from '../servers.js'

/** What Celery 5.7 changed, as its sources and its changelog describe it. */
let app: Lovage
beforeEach(() => {
  app = createTestApp('newest')
})
afterEach(() => app.close())

const lettersOf = async (of: Lovage) => (await (await coreOf(of).broker()).deadLetters.list({})).items

describe('a task that rejects its message', { timeout: 60_000 }, () => {
  test.each(everyStore('rejects'))(
    'for good has failed on %s: its caller, chord and errback are told, and a letter is kept',
    async (_name, freshUrl) => {
      const url = await freshUrl()
      await app.close()
      app = createTestApp('rejects', { broker: url, backend: url })
      const told: string[] = []
      for (const name of ['taskFailure', 'taskRejected', 'taskPostrun'] as const)
        app.signals.on(name, () => void told.push(name))
      const rejects = app.task({
        name: 'rejects',
        run: () => {
          throw new Reject('poisoned')
        },
      })
      const errback = app.task({ name: 'errback', run: (_ctx, id: string) => void told.push(id) })
      const body = app.task({ name: 'body', run: (_ctx, _all: readonly unknown[]) => 1 })
      await using _worker = await startTestWorker(app)
      const sent = await rejects.s().linkError(errback.s()).applyAsync()
      await expect(sent.get({ timeout: 20 })).rejects.toMatchObject({
        name: 'TaskError',
        message: 'Reject: poisoned, false',
      })
      await until(() => told.includes(sent.id), { timeoutMs: 20_000 })
      expect(told.slice(0, 3)).toEqual(['taskFailure', 'taskRejected', 'taskPostrun'])
      const joined = await chord([rejects.s(), rejects.s()], body.s()).applyAsync()
      await expect(joined.get({ timeout: 20 })).rejects.toMatchObject({ code: 'LVG_CHORD_FAILED' })
      await until(async () => (await lettersOf(app)).length === 3, { timeoutMs: 20_000 })
      expect((await lettersOf(app)).every(({ reason }) => reason === 'rejected')).toBe(true)
    },
  )

  test('to its queue has not', async () => {
    let runs = 0
    const rejects = app.task({
      name: 'rejects',
      run: () => {
        if (++runs === 1) throw new Reject('not now', { requeue: true })
        return runs
      },
    })
    const failed: unknown[] = []
    app.signals.on('taskFailure', (one) => void failed.push(one))
    await using _worker = await startTestWorker(app)
    expect(await (await rejects.delay()).get({ timeout: 10 })).toBe(2)
    expect(failed).toEqual([])
  })

  test('raises Celery’s Reject in Python, and Python’s is a failure here', async () => {
    await using redis = await startRedis()
    await app.close()
    app = createTestApp('ts', {
      broker: redis.url,
      backend: redis.url,
      jsonTypes: 'plain',
      taskDefaultQueue: 'ts',
    })
    app.task({
      name: 'ts.rejects',
      run: () => {
        throw new Reject('poisoned')
      },
    })
    await using _worker = await startTestWorker(app, { queues: ['ts'] })
    const answer = await runPython(
      `
from celery.exceptions import Reject
try:
    app.send_task('ts.rejects', queue='ts').get(timeout=20)
except Reject as error:
    print(error.reason, error.requeue)`,
      { broker: redis.url, backend: redis.url },
    )
    expect(answer.trim()).toBe('poisoned False')
  })
})

describe('acknowledgement of failures and of timeouts', { timeout: 60_000 }, () => {
  const fail = (): never => {
    throw new RangeError('no')
  }
  const dawdle = async (ctx: TaskContext): Promise<void> => {
    runs.push(ctx.id)
    await ctx.interruptible(new Promise((resolve) => setTimeout(resolve, 60_000).unref()))
  }
  let runs: string[] = []
  beforeEach(() => {
    runs = []
  })

  test('is set apart: a failure that is not acknowledged is a dead letter', async () => {
    const kept = app.task({ name: 'kept', acksOnFailure: false, run: fail })
    const gone = app.task({ name: 'gone', acksOnTimeout: false, run: fail })
    await using _worker = await startTestWorker(app)
    for (const task of [gone, kept])
      await expect((await task.delay()).get({ timeout: 10 })).rejects.toThrow('no')
    await until(async () => (await lettersOf(app)).length > 0)
    expect((await lettersOf(app)).map(({ task }) => task)).toEqual(['kept'])
  })
  test('a run over its hard limit comes again where timeouts are not acknowledged, and fails in the end', async () => {
    const late = app.task({ name: 'late', acksOnTimeout: false, timeLimit: 0.05, run: dawdle })
    const once = app.task({ name: 'once', acksOnFailure: false, timeLimit: 0.05, run: dawdle })
    await using _worker = await startTestWorker(app)
    const sent = await late.delay()
    await expect(sent.get({ timeout: 20 })).rejects.toMatchObject({ code: 'LVG_TASK_TIME_LIMIT' })
    expect(runs).toEqual(Array(4).fill(sent.id))
    const other = await once.delay()
    await expect(other.get({ timeout: 20 })).rejects.toMatchObject({ code: 'LVG_TASK_TIME_LIMIT' })
    expect(runs.slice(4)).toEqual([other.id])
    await until(async () => (await lettersOf(app)).length > 0)
    expect((await lettersOf(app)).map(({ task, error }) => [task, error.type])).toEqual([
      ['late', 'TimeLimitExceeded'],
    ])
  })
  test('comes from the settings, the particular one before the joint one', async () => {
    app.configFromObject({ task_acks_on_failure_or_timeout: true, task_acks_on_failure: false })
    const task = app.task({ name: 'kept', run: fail })
    await using _worker = await startTestWorker(app)
    await expect((await task.delay()).get({ timeout: 10 })).rejects.toThrow('no')
    await until(async () => (await lettersOf(app)).length === 1)
  })
})

describe('a canvas', { timeout: 60_000 }, () => {
  const tasksOf = (of: Lovage) => ({
    add: of.task({ name: 'add', run: (_ctx, x: number, y: number) => x + y }),
    same: of.task({ name: 'same', run: (_ctx, value: unknown) => value }),
    fails: of.task({
      name: 'fails',
      maxRetries: 0,
      run: (_ctx, _value: unknown) => {
        throw new RangeError('no')
      },
    }),
  })

  test('skips an empty group after a group', async () => {
    const { add, same } = tasksOf(app)
    await using _worker = await startTestWorker(app)
    const none = () => group([] as Signature<[unknown], unknown>[])
    const two = () => group([add.s(1, 1), add.s(2, 2)])
    expect(await (await chain(two(), none(), same.s()).applyAsync()).get({ timeout: 10 })).toEqual([2, 4])
    expect(await (await chain(two(), none()).applyAsync()).get({ timeout: 10 })).toEqual([2, 4])
    // As in Celery: a step after an empty group gets the empty list.
    expect(await (await chain(add.s(1, 1), none(), same.s()).applyAsync()).get({ timeout: 10 })).toEqual([])
  })

  test('calls the links of a chord after its body alone, and its errback once', async () => {
    const { add, same, fails } = tasksOf(app)
    const heard: unknown[] = []
    const callback = app.task({ name: 'callback', run: (_ctx, value: unknown) => void heard.push(value) })
    const errback = app.task({ name: 'errback', run: (_ctx, id: string) => void heard.push(id) })
    await using worker = await startTestWorker(app)
    const idle = () =>
      until(
        async () =>
          worker.active.length === 0 &&
          (await (await coreOf(app).broker()).depths(['celery'])).get('celery')?.ready === 0,
      )
    const good = chord([add.s(1, 1), add.s(2, 2)], same.s())
      .link(callback.s())
      .linkError(errback.s())
    expect(await (await good.applyAsync()).get({ timeout: 10 })).toEqual([2, 4])
    await until(() => heard.length > 0)
    await idle()
    expect(heard.splice(0)).toEqual([[2, 4]])
    const bad = await chord([chain(fails.s(1), same.s()), add.s(2, 2)], same.s())
      .link(callback.s())
      .linkError(errback.s())
      .applyAsync()
    await expect(bad.get({ timeout: 10 })).rejects.toMatchObject({ code: 'LVG_CHORD_FAILED' })
    await until(() => heard.length > 0)
    await idle()
    expect(heard).toEqual([bad.id])
  })

  test('calls back once for a task that was replaced', async () => {
    const { add } = tasksOf(app)
    const heard: unknown[] = []
    const callback = app.task({ name: 'callback', run: (_ctx, value: unknown) => void heard.push(value) })
    const replaced = app.task({
      name: 'replaced',
      run: (ctx) => {
        throw ctx.replace(chain(add.s(1, 1), add.s(1)))
      },
    })
    await using worker = await startTestWorker(app)
    expect(await (await replaced.s().link(callback.s()).applyAsync()).get({ timeout: 10 })).toBe(3)
    await until(() => heard.length > 0)
    await until(() => worker.active.length === 0)
    expect(heard).toEqual([3])
  })
})

test('exists: whether anything is stored under an id', async () => {
  const task = app.task({ name: 'task', run: () => 1 })
  const sent = await task.delay()
  expect([await sent.exists(), await app.asyncResult('never').exists()]).toEqual([false, false])
  await using _worker = await startTestWorker(app)
  await sent.get({ timeout: 10 })
  expect(await sent.exists()).toBe(true)
})

test('sendTask has the options of a task that is known', async () => {
  const types: unknown[] = []
  await app.close()
  app = createTestApp('types', {
    middleware: [
      {
        name: 'types',
        publish: async ({ messages }) => void types.push(...messages.map((one) => one.contentType)),
      },
    ],
  })
  app.task({ name: 'packed', serializer: 'msgpack', run: () => 1 })
  await app.sendTask('packed')
  await app.sendTask('packed', { serializer: 'json' })
  await app.sendTask('other')
  expect(types).toEqual(['application/x-msgpack', 'application/json', 'application/json'])
})
