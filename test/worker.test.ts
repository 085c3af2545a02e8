import { CapabilityError, Ignore, type Lovage, Reject } from 'lovage'
import { createTestApp, startTestWorker, until, withoutLeaks } from 'lovage/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { coreOf } from '../packages/lovage/src/app/core/index.js'

let app: Lovage
beforeEach(() => {
  app = createTestApp()
})
afterEach(() => app.close())

const letters = async (of: Lovage) => (await (await coreOf(of).broker()).deadLetters.list({})).items
const publishRaw = async (
  of: Lovage,
  headers: Record<string, unknown>,
  body: string,
  contentType = 'application/json',
) =>
  (await coreOf(of).broker()).publish([
    {
      headers,
      body,
      contentType,
      contentEncoding: 'utf-8',
      properties: { correlationId: null, replyTo: null, deliveryMode: 2 },
      exchange: '',
      routingKey: 'celery',
    },
  ])

describe('a task’s end', () => {
  test('is its value, or its error with type, message, traceback and cause', async () => {
    const fails = app.task({
      name: 'fails',
      run: () => {
        throw new RangeError('outer', { cause: new Error('inner') })
      },
    })
    await using _worker = await startTestWorker(app)
    const result = await fails.delay()
    await expect(result.get({ timeout: 5 })).rejects.toMatchObject({
      message: 'RangeError: outer',
      code: 'LVG_TASK_FAILED',
    })
    expect(await result.state()).toBe('FAILURE')
    expect(await result.traceback()).toMatch(/outer[\s\S]*inner/)
    expect(await result.get({ propagate: false })).toMatchObject({
      exc_type: 'RangeError',
      exc_message: ['outer'],
    })
  })

  test.each([
    ['text', 'just text'],
    ['undefined', undefined],
    ['an object', { a: 1 }],
  ])('may be something thrown that is no error: %s', async (_name, thrown) => {
    const odd = app.task({
      name: 'odd',
      run: () => {
        throw thrown
      },
    })
    await using worker = await startTestWorker(app)
    await expect((await odd.delay()).get({ timeout: 5 })).rejects.toMatchObject({ code: 'LVG_TASK_FAILED' })
    expect(worker.active).toEqual([])
  })

  test('is a failure when its value cannot be written', async () => {
    const bad = app.task({ name: 'bad', run: () => ({ rows: [1, () => 1] }) })
    await using _worker = await startTestWorker(app)
    await expect((await bad.delay()).get({ timeout: 5 })).rejects.toThrow(/rows\[1\]/)
  })

  test('is told to nobody when it ignores itself, and stored nowhere when results are ignored', async () => {
    const seen: string[] = []
    const quiet = app.task({ name: 'quiet', ignoreResult: true, run: () => void seen.push('quiet') })
    const ignored = app.task({
      name: 'ignored',
      run: () => {
        seen.push('ignored')
        throw new Ignore()
      },
    })
    await using _worker = await startTestWorker(app)
    const [first, second] = await Promise.all([quiet.delay(), ignored.delay()])
    await until(() => seen.length === 2)
    expect([await first.state(), await second.state()]).toEqual(['PENDING', 'PENDING'])
  })

  test('can be a dead letter that keeps the message', async () => {
    const rejects = app.task({
      name: 'rejects',
      run: (_ctx, _n: number) => {
        throw new Reject('poisoned')
      },
    })
    await using _worker = await startTestWorker(app)
    const { id } = await rejects.delay(7)
    const [letter] = await until(async () => {
      const all = await letters(app)
      return all.length > 0 && all
    })
    expect(letter).toMatchObject({
      taskId: id,
      task: 'rejects',
      reason: 'rejected',
      queue: 'celery',
      error: { message: 'poisoned' },
    })
    expect(letter?.raw.toString()).toContain(id)
  })

  test('can be a return to the queue', async () => {
    let runs = 0
    const hesitant = app.task({
      name: 'hesitant',
      run: () => {
        if (++runs === 1) throw new Reject('not now', { requeue: true })
        return runs
      },
    })
    await using _worker = await startTestWorker(app)
    expect(await (await hesitant.delay()).get({ timeout: 5 })).toBe(2)
  })
})

test('a task that came twice and runs twice is stopped wherever it still runs', async () => {
  const gates: (() => void)[] = []
  const aborted: number[] = []
  const twin = app.task({
    name: 'twin',
    run: (ctx) =>
      new Promise<void>((resolve, reject) => {
        const run = gates.push(resolve)
        ctx.signal.addEventListener('abort', () => {
          aborted.push(run)
          reject(ctx.signal.reason)
        })
      }),
  })
  await using worker = await startTestWorker(app)
  const first = await twin.applyAsync([], { taskId: 'twin' })
  await twin.applyAsync([], { taskId: 'twin' })
  await until(() => gates.length === 2)
  gates[0]?.()
  await until(() => worker.active.length === 1)
  await first.revoke({ terminate: true })
  await until(() => aborted.length > 0)
  expect(aborted).toEqual([2])
})

describe('what cannot go on', () => {
  test('holds nothing else up, and is a dead letter in the end', async () => {
    let runs = 0
    // No queue is bound to that exchange: the retry that is to go on with the acknowledgement never can.
    const astray = app.task({
      name: 'astray',
      run: (ctx) => {
        runs++
        throw ctx.retry({ exchange: 'nowhere', routingKey: 'x', countdown: 0 })
      },
    })
    const fine = app.task({ name: 'fine', run: () => 'fine' })
    await using worker = await startTestWorker(app)
    const [lost, other] = await Promise.all([astray.delay(), fine.delay()])
    expect(await other.get({ timeout: 10 })).toBe('fine')
    await expect(lost.get({ timeout: 10 })).rejects.toMatchObject({ code: 'LVG_TASK_WORKER_LOST' })
    expect(runs).toBe(4)
    const [letter] = await until(async () => {
      const all = await letters(app)
      return all.length > 0 && all
    })
    expect(letter).toMatchObject({ taskId: lost.id, task: 'astray' })
    expect(worker.held).toEqual([])
  })
})

describe('retries', () => {
  test('keep id, headers and arguments, and count up', async () => {
    const seen: unknown[] = []
    const flaky = app.task({
      name: 'flaky',
      maxRetries: 2,
      run: (ctx, n: number) => {
        seen.push([ctx.id, ctx.retries, ctx.headers.tenant, n])
        if (ctx.retries < 2) throw ctx.retry({ countdown: 0, cause: new Error('again') })
        return 'done'
      },
    })
    await using _worker = await startTestWorker(app)
    const result = await flaky.applyAsync([5], { headers: { tenant: 'acme' } })
    expect(await result.get({ timeout: 5 })).toBe('done')
    expect(seen).toEqual([0, 1, 2].map((retries) => [result.id, retries, 'acme', 5]))
  })

  test('end in the cause when they are used up, else in MaxRetriesExceededError', async () => {
    const withCause = app.task({
      name: 'a',
      maxRetries: 1,
      run: (ctx) => {
        throw ctx.retry({ countdown: 0, cause: new TypeError('why') })
      },
    })
    const without = app.task({
      name: 'b',
      maxRetries: 0,
      run: (ctx) => {
        throw ctx.retry({ countdown: 0 })
      },
    })
    await using _worker = await startTestWorker(app)
    await expect((await withCause.delay()).get({ timeout: 5 })).rejects.toThrow('TypeError: why')
    await expect((await without.delay()).get({ timeout: 5 })).rejects.toMatchObject({
      code: 'LVG_TASK_MAX_RETRIES',
    })
  })

  test('can change the arguments, and wait in the broker with the state RETRY', async () => {
    const grows = app.task({
      name: 'grows',
      run: (ctx, n: number) => {
        if (n < 3) throw ctx.retry({ countdown: n === 1 ? 0 : 3600, args: [n + 1] })
        return n
      },
    })
    await using _worker = await startTestWorker(app)
    const result = await grows.delay(1)
    await until(
      async () => (await (await coreOf(app).broker()).depths(['celery'])).get('celery')?.delayed === 1,
    )
    expect(await result.state()).toBe('RETRY')
    expect(await app.queues.promote([result.id])).toBe(1)
    expect(await result.get({ timeout: 10 })).toBe(3)
  })
})

describe('messages that cannot run', () => {
  test('are kept with the reason, and whoever waits is told', async () => {
    app.task({ name: 'known', run: () => 1 })
    await using _worker = await startTestWorker(app)
    const unknown = await app.sendTask('knwon')
    await expect(unknown.get({ timeout: 5 })).rejects.toMatchObject({ code: 'LVG_TASK_NOT_REGISTERED' })
    await publishRaw(app, { task: 'known', id: 'p1', retries: 0 }, 'x', 'application/x-python-serialize')
    await publishRaw(app, { task: 'known', id: 'b1', retries: 0 }, '[[], {}')
    await publishRaw(app, { task: 'known', retries: 0 }, '[[], {}, null]')
    const kept = await until(async () => {
      const all = await letters(app)
      return all.length === 4 && all
    })
    expect(new Map(kept.map(({ taskId, reason }) => [taskId, reason]))).toEqual(
      new Map([
        [unknown.id, 'unknown-task'],
        ['p1', 'unaccepted'],
        ['b1', 'malformed'],
        [null, 'malformed'],
      ]),
    )
  })

  test('that came too late are revoked', async () => {
    const revoked: unknown[] = []
    app.signals.on('taskRevoked', ({ expired, terminated }) => void revoked.push([expired, terminated]))
    const late = app.task({ name: 'late', run: () => 1 })
    const result = await late.applyAsync([], { expires: new Date(Date.now() - 1000) })
    await using _worker = await startTestWorker(app)
    await expect(result.get({ timeout: 5 })).rejects.toMatchObject({
      code: 'LVG_TASK_REVOKED',
      message: 'TaskRevokedError: expired',
    })
    expect(revoked).toEqual([[true, false]])
  })

  test('with wrong arguments are failures, without a retry', async () => {
    app.task({ name: 'typed', params: ['x'], autoretryFor: [CapabilityError], run: (_ctx, x: number) => x })
    await using _worker = await startTestWorker(app)
    const result = await app.sendTask('typed', { kwargs: { y: 1 } })
    await expect(result.get({ timeout: 5 })).rejects.toThrow(/unexpected keyword argument y/)
  })
})

describe('a worker', () => {
  test('runs as many at once as it has slots, and no more', async () => {
    let running = 0
    let most = 0
    const task = app.task({
      name: 'count',
      run: async () => {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setTimeout(resolve, 5))
        running--
      },
    })
    await using worker = await startTestWorker(app, { concurrency: 4 })
    const results = await Promise.all(Array.from({ length: 40 }, () => task.delay()))
    await Promise.all(results.map((result) => result.get({ timeout: 5 })))
    expect([most, worker.processed]).toEqual([4, 40])
  })

  test.each([
    ['strict', ['one', 'one', 'one', 'two', 'two']],
    ['round_robin', ['one', 'two', 'one', 'two', 'one']],
  ] as const)('reads its queues in the order that queueOrderStrategy says: %s', async (strategy, order) => {
    app.configFromObject({ queueOrderStrategy: strategy })
    const seen: (string | null)[] = []
    const task = app.task({ name: 'note', run: (ctx) => void seen.push(ctx.deliveryInfo.queue) })
    for (const queue of ['one', 'one', 'one', 'two', 'two']) await task.applyAsync([], { queue })
    await using _worker = await startTestWorker(app, { queues: ['one', 'two'], concurrency: 1 })
    await until(() => seen.length === 5)
    expect(seen).toEqual(order)
  })

  test('acknowledges before the run when told so: a shutdown gives nothing back', async () => {
    let entered = (): void => {}
    const inside = new Promise<void>((resolve) => {
      entered = resolve
    })
    const early = app.task({
      name: 'early',
      acksLate: false,
      run: async (ctx) => {
        entered()
        await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve))
      },
    })
    const worker = await startTestWorker(app)
    await early.delay()
    await inside
    await worker.stop('cold')
    expect((await (await coreOf(app).broker()).depths(['celery'])).get('celery')).toMatchObject({
      ready: 0,
      delayed: 0,
    })
  })

  test('runs no more at once than it has slots; what waits goes back when it ends', async () => {
    let most = 0
    let running = 0
    const open: (() => void)[] = []
    const waits = app.task({
      name: 'waits',
      run: async () => {
        most = Math.max(most, ++running)
        await new Promise<void>((resolve) => open.push(resolve))
        running--
      },
    })
    const worker = await startTestWorker(app, { concurrency: 2, prefetchMultiplier: 3 })
    for (let call = 0; call < 8; call++) await waits.delay()
    await until(() => worker.active.length === 2 && worker.reserved.length === 4)
    open.shift()?.()
    await until(() => worker.processed === 1 && worker.active.length === 2)
    expect([...worker.totals]).toEqual([['waits', 1]])
    const stopped = worker.stop('warm')
    await until(() => worker.reserved.length === 0)
    for (const finish of open) finish()
    await stopped
    expect([most, worker.processed]).toEqual([2, 3])
    expect((await (await coreOf(app).broker()).depths(['celery'])).get('celery')).toMatchObject({ ready: 5 })
  })

  test('begins and ends its parts with itself, and consumes other queues when told', async () => {
    const seen: string[] = []
    const where = app.task({ name: 'where', run: (ctx) => ctx.deliveryInfo.routingKey })
    const step = (name: string) => ({
      name,
      start: (worker: { readonly processed: number }) =>
        void seen.push(`${name} begins at ${worker.processed}`),
      stop: (_worker: unknown, how: string) => void seen.push(`${name} ends ${how}`),
    })
    const worker = await startTestWorker(app, { steps: [step('one'), step('two')] })
    const late = await where.applyAsync([], { queue: 'late' })
    await worker.setQueues(['celery', 'late'])
    await late.get({ timeout: 5 })
    await worker.setQueues(['celery'])
    const nobodys = await where.applyAsync([], { queue: 'late' })
    await (await where.delay()).get({ timeout: 5 })
    expect(await nobodys.state()).toBe('PENDING')
    await worker.stop('warm')
    expect(seen).toEqual(['one begins at 0', 'two begins at 0', 'two ends warm', 'one ends warm'])
  })

  test('that ends warm finishes what runs; cold gives it back, no attempt consumed', async () => {
    const waits = app.task({
      name: 'waits',
      run: (ctx, ms: number) =>
        new Promise<number>((resolve) => {
          const timer = setTimeout(() => resolve(ctx.retries), ms)
          ctx.signal.addEventListener('abort', () => clearTimeout(timer))
        }),
    })
    const warm = await startTestWorker(app)
    const short = await waits.delay(50)
    await until(() => warm.active.length === 1)
    await warm.stop('warm')
    expect(await short.state()).toBe('SUCCESS')

    const cold = await startTestWorker(app)
    const long = await waits.delay(60_000)
    await until(() => cold.active.length === 1)
    await cold.stop('cold')
    const { items } = await (await coreOf(app).broker()).admin.browse('celery', {})
    expect(items.map(({ id }) => id)).toEqual([long.id])
  })

  test('leaves nothing open', async () => {
    await withoutLeaks(async () => {
      await using other = createTestApp('leaks')
      const task = other.task({ name: 't', run: () => 1 })
      await using _worker = await startTestWorker(other)
      await (await task.delay()).get({ timeout: 5 })
    })
  })
})

describe('eager mode', () => {
  test('runs at once, retries included, and is strict about what could not travel', async () => {
    await using eager = createTestApp('eager', { taskAlwaysEager: true })
    const task = eager.task({
      name: 't',
      maxRetries: 3,
      run: (ctx, n: number) => {
        if (ctx.retries < 2) throw ctx.retry()
        return [ctx.isEager, n]
      },
    })
    expect(await (await task.delay(4)).get()).toEqual([true, 4])
    expect((await task.apply([4])).runs).toBe(3)
    const takes = eager.task({ name: 'takes', run: (_ctx, f: () => void) => f })
    await expect(takes.delay(() => {})).rejects.toThrow(/args\[0\]/)
  })
})

test('a bulk send is all or nothing', async () => {
  const task = app.task({ name: 't', run: (_ctx, value: unknown) => value })
  await expect(task.applyAsyncMany([{ args: [1] }, { args: [() => 1] }])).rejects.toThrow(/args\[0\]/)
  expect((await (await coreOf(app).broker()).depths(['celery'])).get('celery')?.ready ?? 0).toBe(0)
  expect(await task.applyAsyncMany([{ args: [1] }, { args: [2] }])).toHaveLength(2)
})
