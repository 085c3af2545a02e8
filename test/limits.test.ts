import type { Lovage } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { describe, expect, test } from 'vitest'
import { coreOf } from '../packages/lovage/src/app/core/index.js'
import { appsOn, everyStore } from './every-store.js'

describe.each(everyStore('limits'))('on %s', (_name, freshUrl) => {
  const openApp = appsOn('limits', freshUrl)

  /** A task that runs until it is let go or stopped. */
  function holding(app: Lovage, name = 'holds', options = {}) {
    const runs: string[] = []
    const open = new Map<string, () => void>()
    const task = app.task({
      name,
      ...options,
      run: (ctx, label: string) => {
        runs.push(label)
        return new Promise<string>((resolve, reject) => {
          open.set(label, () => resolve(label))
          ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))
        })
      },
    })
    return { task, runs, release: (label: string) => open.get(label)?.() }
  }

  describe('a revoked task', () => {
    test('shows it at once, with no worker up, and is dropped when one comes', async () => {
      const producer = openApp()
      const doomed = await producer.sendTask('holds', { args: ['doomed'] })
      const spared = await producer.sendTask('holds', { args: ['spared'] })
      await doomed.revoke()
      expect([await doomed.state(), await spared.state()]).toEqual(['REVOKED', 'PENDING'])
      await expect(doomed.get({ timeout: 1 })).rejects.toMatchObject({ code: 'LVG_TASK_REVOKED' })

      const app = openApp()
      const { runs, release } = holding(app)
      const told: unknown[] = []
      app.signals.on('taskRevoked', ({ headers, terminated, expired }) =>
        told.push([headers.id, terminated, expired]),
      )
      await using _worker = await startTestWorker(app)
      await until(() => runs.length > 0)
      release('spared')
      expect(await spared.get({ timeout: 5 })).toBe('spared')
      expect(runs).toEqual(['spared'])
      expect(told).toEqual([[doomed.id, false, false]])
    })

    test('leaves the line of a worker, is stopped where it runs only when it is to be terminated', async () => {
      const app = openApp()
      const { task, runs, release } = holding(app)
      await using worker = await startTestWorker(app, { concurrency: 2, prefetchMultiplier: 2 })
      const calls = new Map<string, Awaited<ReturnType<typeof task.delay>>>()
      for (const label of ['stays', 'stopped', 'waits']) calls.set(label, await task.delay(label))
      await until(() => worker.active.length === 2 && worker.reserved.length === 1)
      const ended: unknown[] = []
      app.signals.on('taskRevoked', ({ terminated, signum }) => ended.push([terminated, signum]))

      const producer = openApp()
      await producer.control.revoke([...calls.values()].filter((_, place) => place !== 1).map(({ id }) => id))
      await until(() => worker.reserved.length === 0)
      expect(worker.active).toHaveLength(2)
      await producer.control.revoke(calls.get('stopped')?.id ?? '', { terminate: true, signal: 'SIGKILL' })
      await until(() => worker.active.length === 1)
      expect(ended).toEqual([
        [false, null],
        [true, 9],
      ])
      await expect(calls.get('stopped')?.get({ timeout: 5 })).rejects.toThrow(/terminated|revoked/)
      release('stays')
      await until(
        async () => (await producer.asyncResult(calls.get('stays')?.id ?? '').state()) === 'SUCCESS',
      )
      expect(runs.sort()).toEqual(['stays', 'stopped'])
      await expect
        .poll(async () => (await (await coreOf(app).broker()).depths(['celery'])).get('celery'))
        .toMatchObject({ ready: 0, delayed: 0 })
    })

    test('may be named by a stamp', async () => {
      const app = openApp()
      const { task, runs, release } = holding(app)
      const stamped = (tenant: string) => ({
        headers: {
          lang: 'py',
          task: task.name,
          id: `for-${tenant}`,
          stamped_headers: ['tenant'],
          stamps: { tenant: [tenant] },
        },
        body: JSON.stringify([[tenant], {}, {}]),
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        properties: { correlationId: null, replyTo: null, deliveryMode: 2 as const },
        exchange: '',
        routingKey: 'celery',
      })
      await app.control.revokeByStampedHeaders({ tenant: ['bad', 'worse'] })
      await (await coreOf(app).broker()).publish([stamped('bad'), stamped('good')])
      const good = app.asyncResult('for-good')
      await using _worker = await startTestWorker(app)
      await until(() => runs.length > 0)
      release('good')
      await good.get({ timeout: 5 })
      expect(runs).toEqual(['good'])
    })

    test('that has ended keeps its end', async () => {
      const app = openApp()
      const task = app.task({ name: 'quick', run: () => 1 })
      await using _worker = await startTestWorker(app)
      const result = await task.delay()
      await result.get({ timeout: 5 })
      await result.revoke()
      expect(await app.asyncResult(result.id).state()).toBe('SUCCESS')
    })
  })

  test('a paused queue keeps its messages, also for workers that start later, until it is resumed', async () => {
    const app = openApp()
    const seen: string[] = []
    const task = app.task({ name: 'notes', run: (ctx) => void seen.push(ctx.deliveryInfo.queue ?? '') })
    await openApp().control.pauseQueues('slow')
    expect(await app.control.pausedQueues()).toEqual(['slow'])
    await using _worker = await startTestWorker(app, { queues: ['slow', 'fast'] })
    const slow = await task.applyAsync([], { queue: 'slow' })
    await (await task.applyAsync([], { queue: 'fast' })).get({ timeout: 5 })
    expect(seen).toEqual(['fast'])
    expect(await app.control.resumeQueues('slow', 'never')).toBe(1)
    await slow.get({ timeout: 5 })
    await app.control.pauseQueues('slow', 'fast')
    await until(async () => (await app.control.pausedQueues()).length === 2)
    expect(seen).toEqual(['fast', 'slow'])
  })

  describe('a rate', () => {
    test('is the cluster’s, and blocks no other task', async () => {
      const starts: number[] = []
      const workers = []
      const limitedOn = (app: Lovage) =>
        app.task({ name: 'limited', rateLimit: '20/s', run: () => void starts.push(Date.now()) })
      const [one, two] = [openApp(), openApp()]
      const limited = limitedOn(one)
      limitedOn(two)
      const free = one.task({ name: 'free', run: () => starts.length })
      two.task({ name: 'free', run: () => starts.length })
      for (const app of [one, two]) workers.push(await startTestWorker(app, { concurrency: 2 }))
      const began = Date.now()
      const results = await limited.applyAsyncMany(Array.from({ length: 12 }, () => ({ args: [] })))
      expect(await (await free.delay()).get({ timeout: 5 })).toBeLessThan(12)
      await Promise.all(results.map((result) => result.get({ timeout: 10 })))
      expect(starts).toHaveLength(12)
      // A turn may be used late, never early.
      expect((starts.at(-1) ?? 0) - began).toBeGreaterThanOrEqual(11 * 50 - 5)
      const throttled = workers.map((worker) => worker.limits.throttled.get('limited') ?? 0)
      // Those that come late enough find their turn free.
      expect(throttled.reduce((sum, n) => sum + n)).toBeGreaterThan(0)
      for (const worker of workers) await worker.stop()
    })

    test('is changed while workers run, and may be each worker’s own', async () => {
      const starts: number[] = []
      const app = openApp()
      const task = app.task({ name: 'limited', rateLimit: '1/h', run: () => void starts.push(Date.now()) })
      const own = app.task({
        name: 'own',
        rateLimit: '30/s',
        rateLimitScope: 'worker',
        run: () => Date.now(),
      })
      await using worker = await startTestWorker(app)
      await openApp().control.rateLimit('limited', '40/s')
      await until(() => worker.limits.rates.of(task) === '40/s')
      const began = Date.now()
      const results = await task.applyAsyncMany(Array.from({ length: 5 }, () => ({ args: [] })))
      await Promise.all(results.map((result) => result.get({ timeout: 10 })))
      expect((starts.at(-1) ?? 0) - began).toBeGreaterThanOrEqual(4 * 25 - 5)
      await openApp().control.rateLimit('limited', null)
      await until(() => worker.limits.rates.of(task) === '1/h')
      const before = Date.now()
      const owns = await own.applyAsyncMany(Array.from({ length: 3 }, () => ({ args: [] })))
      const times = await Promise.all(owns.map((result) => result.get({ timeout: 10 })))
      // From before the first: a busy machine may run that one late.
      expect(Math.max(...times) - before).toBeGreaterThanOrEqual(60)
      await expect(app.control.rateLimit('limited', '10 a day')).rejects.toMatchObject({
        code: 'LVG_CONFIG_INVALID',
      })
    })

    test('of a queue closes the queue, and its messages keep their order', async () => {
      const seen: [string, number][] = []
      const app = openApp({ taskQueues: [{ name: 'slow', rateLimit: '20/s' }, { name: 'celery' }] })
      const task = app.task({
        name: 'notes',
        run: (_ctx, label: string) => void seen.push([label, Date.now()]),
      })
      await using _worker = await startTestWorker(app)
      const began = Date.now()
      const labels = Array.from({ length: 8 }, (_, place) => `s${place}`)
      const slow = await task.applyAsyncMany(
        labels.map((label) => ({ args: [label] })),
        { queue: 'slow' },
      )
      await (await task.applyAsync(['fast'], { queue: 'celery' })).get({ timeout: 5 })
      expect(seen.length).toBeLessThan(9)
      await Promise.all(slow.map((result) => result.get({ timeout: 10 })))
      const slowOnes = seen.filter(([label]) => label !== 'fast')
      expect(slowOnes.map(([label]) => label)).toEqual(labels)
      expect((slowOnes.at(-1)?.[1] ?? 0) - began).toBeGreaterThanOrEqual(7 * 50 - 5)
    })
  })

  describe('what waits under a rate', () => {
    const noted = (app: Lovage, name: string, rateLimit: string) => {
      const starts: string[] = []
      const task = app.task({ name, rateLimit, run: (_ctx, label: string) => void starts.push(label) })
      return { task, starts }
    }
    const many = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ args: [`old ${n}`] as [string] }))

    test('runs at once when its rate is raised', { timeout: 30_000 }, async () => {
      const app = openApp()
      const { task, starts } = noted(app, 'raised', '1/h')
      await using worker = await startTestWorker(app)
      const results = await task.applyAsyncMany(many(6))
      await until(() => (worker.limits.throttled.get('raised') ?? 0) >= 5)
      await openApp().control.rateLimit('raised', '20/s')
      await Promise.all(results.map((result) => result.get({ timeout: 8 })))
      expect(starts).toHaveLength(6)
    })

    test('holds nothing up that comes after it was purged, deleted or revoked', {
      timeout: 60_000,
    }, async () => {
      const app = openApp()
      const { task, starts } = noted(app, 'slow', '1/s')
      await using _worker = await startTestWorker(app)
      const ends = {
        purged: () => app.queues.purge('celery'),
        deleted: (ids: readonly string[]) => app.queues.remove(ids),
        revoked: (ids: readonly string[]) => app.control.revoke(ids),
      }
      for (const [how, end] of Object.entries(ends)) {
        const results = await task.applyAsyncMany(many(40))
        const ids = results.map(({ id }) => id)
        await until(
          async () => (await app.queues.find(ids)).filter(({ state }) => state === 'delayed').length >= 37,
        )
        await end(ids)
        // The first one's turn, and a moment: not the thirty-nine seconds that were given to others.
        await (await task.delay(`after ${how}`)).get({ timeout: 12 })
        expect(starts.at(-1)).toBe(`after ${how}`)
      }
    })

    test('spends no turn of its queue, so that others beside it run as often as the queue may', {
      timeout: 30_000,
    }, async () => {
      const app = openApp({ taskQueues: [{ name: 'both', rateLimit: '5/s' }] })
      const starts: [string, number][] = []
      const limited = app.task({
        name: 'half',
        rateLimit: '10/s',
        run: () => void starts.push(['half', Date.now()]),
      })
      const free = app.task({ name: 'free', run: () => void starts.push(['free', Date.now()]) })
      const calls = []
      for (let n = 0; n < 10; n++) {
        calls.push(await limited.applyAsync([], { queue: 'both' }))
        calls.push(await free.applyAsync([], { queue: 'both' }))
      }
      await using _worker = await startTestWorker(app, { concurrency: 4 })
      await Promise.all(calls.map((call) => call.get({ timeout: 20 })))
      const times = starts.map(([, atMs]) => atMs).sort((one, other) => one - other)
      const spanMs = (times.at(-1) ?? 0) - (times[0] ?? 0)
      // Twenty at five a second: four seconds, and not the eight that it takes when every other turn is lost.
      expect(spanMs).toBeGreaterThanOrEqual(19 * 200 - 250)
      expect(spanMs).toBeLessThan(6500)
      const halves = starts
        .flatMap(([name, atMs]) => (name === 'half' ? [atMs] : []))
        .sort((one, other) => one - other)
      // About every other one: the last of either kind may come up to three turns early.
      expect((halves.at(-1) ?? 0) - (halves[0] ?? 0)).toBeGreaterThanOrEqual(9 * 400 - 3 * 200)
    })
  })

  test('a concurrency limit is the cluster’s, for each key, and a busy key blocks no other', async () => {
    const running = new Map<string, number>()
    const most = new Map<string, number>()
    const define = (app: Lovage) =>
      app.task({
        name: 'tenants',
        concurrencyLimit: { limit: 2, key: ({ args }) => String(args[0]) },
        run: async (_ctx, tenant: string, ms: number) => {
          const now = (running.get(tenant) ?? 0) + 1
          running.set(tenant, now)
          most.set(tenant, Math.max(most.get(tenant) ?? 0, now))
          await new Promise((resolve) => setTimeout(resolve, ms))
          running.set(tenant, (running.get(tenant) ?? 0) - 1)
        },
      })
    const [one, two] = [openApp(), openApp()]
    const task = define(one)
    define(two)
    const workers = [
      await startTestWorker(one, { concurrency: 4 }),
      await startTestWorker(two, { concurrency: 4 }),
    ]
    const busy = await task.applyAsyncMany(
      Array.from({ length: 10 }, () => ({ args: ['busy', 40] as [string, number] })),
    )
    const other = await task.delay('quiet', 1)
    await other.get({ timeout: 5 })
    await Promise.all(busy.map((result) => result.get({ timeout: 20 })))
    expect([...most].sort()).toEqual([
      ['busy', 2],
      ['quiet', 1],
    ])
    for (const worker of workers) await worker.stop()
  })

  test('a task whose key cannot be had fails, and holds no other up', async () => {
    const app = openApp()
    const task = app.task({
      name: 'keyed',
      concurrencyLimit: { limit: 1, key: ({ args }) => (args[0] as string).toLowerCase() },
      run: (_ctx, label: string) => label,
    })
    const [wrong, right] = await task.applyAsyncMany([
      { args: [7 as unknown as string] },
      { args: ['Right'] as [string] },
    ])
    const worker = await startTestWorker(app)
    expect(await right?.get({ timeout: 20 })).toBe('Right')
    expect(await wrong?.get({ timeout: 20, propagate: false })).toMatchObject({ exc_type: 'TypeError' })
    await worker.stop()
  })

  test('a task that is given up while it asks for its place leaves the place to others', {
    timeout: 60_000,
  }, async () => {
    const app = openApp()
    let give = (): void => {}
    const task = app.task({
      name: 'given-up',
      concurrencyLimit: {
        limit: 1,
        key: () => {
          give()
          return 'one'
        },
      },
      run: (_ctx, label: string) => label,
    })
    const worker = await startTestWorker(app)
    const expires = new Date(Date.now() + 2000)
    // It is in time when it is claimed, and too late when its place has been asked for.
    give = () => {
      give = () => {}
      while (Date.now() <= expires.getTime());
      worker.dropRevoked()
    }
    const late = await task.applyAsync(['late'], { expires })
    await until(async () => (await late.state()) === 'REVOKED', { timeoutMs: 20_000 })
    expect(await (await task.delay('next')).get({ timeout: 10 })).toBe('next')
    await worker.stop()
  })

  test('keys take turns at the slots of a worker, however many tasks of other keys came before', {
    timeout: 60_000,
  }, async () => {
    const app = openApp()
    const order: string[] = []
    const task = app.task({
      name: 'turns',
      concurrencyLimit: { limit: 1, key: ({ args }) => String(args[0]) },
      run: async (_ctx, tenant: string) => {
        order.push(tenant)
        await new Promise((resolve) => setTimeout(resolve, 250))
      },
    })
    // Two tenants fill both slots, and have far more than that waiting before the others come.
    const tenants = [...Array(8).fill('first'), ...Array(8).fill('second'), 'late', 'latest'] as string[]
    const all = await task.applyAsyncMany(tenants.map((tenant) => ({ args: [tenant] as [string] })))
    const worker = await startTestWorker(app, { concurrency: 2 })
    await Promise.all(all.map((result) => result.get({ timeout: 30 })))
    await worker.stop()
    expect(order.length).toBe(tenants.length)
    for (const tenant of ['late', 'latest']) expect(order.indexOf(tenant)).toBeLessThan(16)
  })
})
