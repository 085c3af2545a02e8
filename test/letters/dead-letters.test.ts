import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DeadLetter, type Lovage, Reject } from 'lovage'
import {
  getAllDeadLetterQueues,
  getDeadLetterTasks,
  inspectDeadLetterQueue,
  processDeadLetterTask,
  purgeDeadLetterQueue,
  retryDeadLetterTask,
} from 'lovage/compat'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { Command, lovage } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { startRedis } from '../servers.js'

const servers = [
  { name: 'memory', start: async () => ({ url: undefined, stop: async () => {} }) },
  {
    name: 'SQLite',
    start: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'lovage-letters-'))
      return { url: `sqlite://${join(folder, 'queue.db')}`, stop: () => rm(folder, { recursive: true }) }
    },
  },
  { name: 'Redis', start: () => startRedis() },
]

describe.each(servers)('dead letters on $name', ({ start }) => {
  let server: { readonly url: string | undefined; stop(): Promise<unknown> }
  let app: Lovage
  let number = 0
  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server?.stop())
  beforeEach(() => {
    number += 1
    app = createTestApp('letters', {
      ...(server.url ? { broker: server.url } : {}),
      taskDefaultQueue: `queue-${number}`,
    })
  })
  afterEach(() => app.close())

  const letters = async (): Promise<readonly DeadLetter[]> =>
    (await app.deadLetters.list({ queue: app.conf.taskDefaultQueue })).items

  /** The value of a task that failed before and was sent again. */
  const succeeded = async (id: string): Promise<unknown> => {
    await until(async () => (await app.asyncResult(id).state()) === 'SUCCESS')
    return app.asyncResult(id).get()
  }

  test('what was retried in vain is kept with every error, and what failed at once only where that is wanted', async () => {
    const flaky = {
      autoretryFor: [RangeError],
      maxRetries: 2,
      retryOptions: { countdown: 0 },
      run: (ctx: { readonly retries: number }) => {
        throw new RangeError(`attempt ${ctx.retries + 1}`)
      },
    }
    const plain = {
      run: () => {
        throw new TypeError('at once')
      },
    }
    const tasks = [
      app.task({ name: 'exhausted', ...flaky }),
      app.task({ name: 'exhausted.early', acksLate: false, ...flaky }),
      app.task({ name: 'exhausted.rejects', deadLetter: 'rejects', ...flaky }),
      app.task({ name: 'expected', throws: [RangeError], ...flaky }),
      app.task({ name: 'plain', ...plain }),
      app.task({ name: 'plain.kept', deadLetter: 'failures', ...plain }),
      app.task({ name: 'plain.early', deadLetter: 'failures', acksLate: false, ...plain }),
    ]
    await using _worker = await startTestWorker(app)
    const results = await Promise.all(tasks.map((task) => task.delay()))
    for (const result of results) await expect(result.get({ timeout: 20 })).rejects.toThrow()
    // A result may be seen just before its letter.
    await until(async () => (await letters()).length === 4, { timeoutMs: 20_000 })
    expect((await letters()).map(({ task }) => task).toSorted()).toEqual([
      'exhausted',
      'exhausted.early',
      'plain.early',
      'plain.kept',
    ])
    const [kept] = results
    const opened = await app.deadLetters.show(kept?.id ?? '')
    expect(opened?.letter).toMatchObject({ reason: 'failed', retries: 2 })
    expect(opened?.attempts.map(({ type, message }) => `${type} ${message}`)).toEqual([
      'RangeError attempt 1',
      'RangeError attempt 2',
      'RangeError attempt 3',
    ])
    for (const { traceback } of opened?.attempts ?? []) expect(traceback).toContain('dead-letters.test.ts')
  })

  test('are retried and purged by ids of tasks as by those of letters, with other conditions too', async () => {
    const report = (task: string, taskId?: string) =>
      app.deadLetters.add({ task, error: new Error('no'), ...(taskId ? { taskId } : {}) })
    await report('a', `task-${number}-1`)
    await report('b', `task-${number}-2`)
    const own = await report('c')
    await report('kept')
    const ids = [`task-${number}-1`, `task-${number}-2`]
    expect(await app.deadLetters.retry({ ids, task: 'b' })).toEqual({ retried: 1, unreadable: [] })
    expect(await app.deadLetters.stats({ ids: [...ids, own] })).toMatchObject({ byTask: { a: 1, c: 1 } })
    expect(await app.deadLetters.purge({ ids: [...ids, own] })).toBe(2)
    expect((await letters()).map(({ task }) => task)).toEqual(['kept'])
  })

  test('a retried letter runs again under its id, and a second end makes a second letter', async () => {
    let isMended = false
    const task = app.task({
      name: 'mend',
      run: (_ctx, word: string) => {
        if (!isMended) throw new Reject(`no ${word}`)
        return word.toUpperCase()
      },
    })
    await using _worker = await startTestWorker(app)
    const { id } = await task.delay('glue')
    await until(async () => (await letters()).length === 1)
    expect(await app.deadLetters.retry(id)).toEqual({ retried: 1, unreadable: [] })
    const [second] = await until(async () => {
      const found = await letters()
      return found.length === 1 && found[0]?.id.endsWith('.again1') ? found : undefined
    })
    const opened = await app.deadLetters.show(id)
    expect(opened).toMatchObject({ redrives: 1, call: { args: ['glue'], headers: { id, retries: 0 } } })
    expect(opened?.attempts.map(({ message }) => message)).toEqual(['no glue', 'no glue'])
    isMended = true
    expect(await retryDeadLetterTask(app, second?.id ?? '')).toBe(true)
    expect(await succeeded(id)).toBe('GLUE')
    expect(await letters()).toEqual([])
    expect(await retryDeadLetterTask(app, id)).toBe(false)
  })

  test('a letter knows the error of every attempt', async () => {
    let attempt = 0
    const task = app.task({
      name: 'stubborn',
      autoretryFor: [RangeError],
      maxRetries: 2,
      retryOptions: { countdown: 0 },
      deadLetter: 'failures',
      run: () => {
        attempt += 1
        throw new RangeError(`attempt ${attempt}`)
      },
    })
    await using _worker = await startTestWorker(app)
    const { id } = await task.delay()
    await until(async () => (await letters()).length === 1)
    const { attempts = [] } = (await app.deadLetters.show(id)) ?? {}
    expect(attempts.map(({ message }) => message)).toEqual(['attempt 1', 'attempt 2', 'attempt 3'])
    expect(attempts.every(({ type, traceback }) => type === 'RangeError' && traceback !== null)).toBe(true)
  })

  test('a task says whether its ends make letters', async () => {
    const run = (): never => {
      throw new Reject('no')
    }
    const kept = app.task({ name: 'kept', run })
    const never = app.task({ name: 'never', deadLetter: 'never', run })
    await using worker = await startTestWorker(app)
    await never.delay()
    await kept.delay()
    await until(() => worker.processed === 2)
    await until(async () => (await letters()).length > 0)
    expect((await letters()).map(({ task }) => task)).toEqual(['kept'])
  })

  test('an edited letter runs with its new arguments', async () => {
    const task = app.task({
      name: 'halve',
      run: (_ctx, n: number) => {
        if (n % 2 === 1) throw new Reject('odd')
        return n / 2
      },
    })
    await using _worker = await startTestWorker(app)
    const { id } = await task.delay(3)
    await until(async () => (await letters()).length === 1)
    await app.deadLetters.edit(id, { args: [4] })
    expect(await succeeded(id)).toBe(2)
    await expect(app.deadLetters.edit(id, { args: [4] })).rejects.toMatchObject({
      code: 'LVG_DEAD_LETTER_NOT_FOUND',
    })
  })

  test('letters are reported, listed, counted and removed under the documents’ names', async () => {
    const queue = app.conf.taskDefaultQueue
    for (const n of [1, 2, 3]) {
      const error = new TypeError(`bad ${n}`)
      await processDeadLetterTask(app, { task: 'import.rows', args: [n], kwargs: { dry: true }, error })
    }
    expect(await getAllDeadLetterQueues(app)).toMatchObject({ [`${queue}.dead`]: 3 })
    const [first] = await inspectDeadLetterQueue(app, `${queue}.dead`, 1)
    expect(first).toMatchObject({ task_name: 'import.rows', kwargs: { dry: true }, queue })
    expect(first?.exception).toMatch(/^TypeError: bad \d$/)
    expect(await getDeadLetterTasks(app, { queue, task: 'other' })).toEqual([])
    expect(await app.deadLetters.stats({ queue })).toMatchObject({
      total: 3,
      byTask: { 'import.rows': 3 },
      byError: { TypeError: 3 },
    })
    expect(await app.deadLetters.cleanup()).toBe(0)
    expect(await purgeDeadLetterQueue(app, queue)).toBe(3)
    expect(await letters()).toEqual([])
  })

  test('a clean-up takes what is resolved, and the rest only when told', async () => {
    const work = app.task({ name: 'work', run: () => 'done' })
    const [resolved, open] = ['resolved', 'open'].map((word) => `${word}-${app.conf.taskDefaultQueue}`)
    for (const taskId of [resolved, open])
      await app.deadLetters.add({ ...(taskId ? { taskId } : {}), task: 'work', error: new Error('then') })
    await using _worker = await startTestWorker(app)
    // Somebody ran it again without the letter.
    const result = await work.applyAsync([], { ...(resolved ? { taskId: resolved } : {}) })
    await result.get({ timeout: 20 })
    expect(await app.deadLetters.cleanup()).toBe(0)
    // All of them are older than an hour from now.
    expect(await app.deadLetters.cleanup(-1 / 24)).toBe(1)
    expect((await letters()).map(({ taskId }) => taskId)).toEqual([open])
    expect(await app.deadLetters.cleanup(-1 / 24, { unresolved: true })).toBeGreaterThanOrEqual(1)
    expect(await letters()).toEqual([])
  })

  test('a rate spreads what is sent again', async () => {
    for (let n = 0; n < 30; n++) await app.deadLetters.add({ task: 'slow', error: 'x' })
    const began = performance.now()
    expect(await app.deadLetters.retry({ queue: app.conf.taskDefaultQueue }, { rate: 100 })).toMatchObject({
      retried: 30,
    })
    expect(performance.now() - began).toBeGreaterThan(250)
  })

  test('two who redrive at the same time send every letter once', async () => {
    const queue = app.conf.taskDefaultQueue
    for (let n = 0; n < 50; n++) await app.deadLetters.add({ task: 'twin', error: 'x' })
    const both = await Promise.all([app.deadLetters.retry({ queue }), app.deadLetters.retry({ queue })])
    expect(both.reduce((sum, { retried }) => sum + retried, 0)).toBe(50)
    expect((await (await coreOf(app).broker()).depths([queue])).get(queue)?.ready).toBe(50)
  })

  test('what cannot be read stays', async () => {
    const broker = await coreOf(app).broker()
    const queue = app.conf.taskDefaultQueue
    const error = { type: 'MessageError', message: 'no JSON', traceback: null }
    const facts = { taskId: null, task: null, retries: 0, redeliveries: 0, worker: 'w' }
    await broker.deadLetters.add([
      { ...facts, id: `bad-${queue}`, queue, reason: 'malformed', error, failedMs: 1, raw: '{' },
    ])
    expect(await app.deadLetters.retry({ queue })).toEqual({ retried: 0, unreadable: [`bad-${queue}`] })
    expect(await letters()).toHaveLength(1)
    await expect(app.deadLetters.edit(`bad-${queue}`, { args: [] })).rejects.toMatchObject({
      code: 'LVG_DEAD_LETTER_UNREADABLE',
    })
  })
})

describe.each(servers.filter(({ name }) => name !== 'memory'))(
  'a redrive that is killed on $name',
  ({ start }) => {
    test('loses and doubles none of 10,000 letters when it is repeated', { timeout: 120_000 }, async () => {
      const server = await start()
      using shop = makeProject({
        'package.json': '{"type":"module","lovage":"app.ts"}',
        'app.ts': `import { Lovage } from 'lovage'
        export const app = new Lovage('shop', { broker: ${JSON.stringify(server.url)} })`,
      })
      const cwd = shop.folder
      const app = createTestApp('shop', { ...(server.url ? { broker: server.url } : {}) })
      try {
        const ids = Array.from({ length: 10_000 }, (_, n) => `task-${n}`)
        for (let at = 0; at < ids.length; at += 500)
          await Promise.all(
            ids
              .slice(at, at + 500)
              .map((taskId) => app.deadLetters.add({ taskId, task: 'work', error: 'x' })),
          )
        const listed = new Set<string>()
        for await (const { taskId } of app.deadLetters.each({ task: 'work' })) listed.add(taskId ?? '')
        expect(listed.size).toBe(10_000)
        for (const point of ['before-publish#3', 'after-publish#2', 'after-removal#4', 'after-publish#1']) {
          await using victim = new Command(['dead', 'retry', '--all'], {
            cwd,
            env: { LOVAGE_CRASH_POINT: `redrive:${point}` },
          })
          expect(await victim.exited, victim.stderr).toBe('SIGKILL')
        }
        expect(await lovage(['dead', 'retry', '--all'], { cwd })).toMatchObject({ code: 0 })
        const broker = await coreOf(app).broker()
        const sent: string[] = []
        let after: string | undefined
        do {
          const page = await broker.admin.browse('celery', { limit: 1000, ...(after ? { after } : {}) })
          sent.push(...page.items.map(({ id }) => id))
          after = page.next
        } while (after !== undefined)
        expect(sent.length).toBe(10_000)
        expect(new Set(sent)).toEqual(new Set(ids))
        expect(await broker.deadLetters.count()).toEqual(new Map())
      } finally {
        await app.close()
        await server.stop()
      }
    })
  },
)

test('lovage dead lists, shows, counts, edits, retries and removes', { timeout: 60_000 }, async () => {
  using shop = makeProject({
    'package.json': '{"type":"module","lovage":"app.ts"}',
    'app.ts': `import { Lovage } from 'lovage'
      export const app = new Lovage('shop')`,
    'fail.ts': `import { app } from './app.ts'
      for (const n of [1, 2, 3]) await app.deadLetters.add({ taskId: 't' + n, task: 'pay', args: [n], error: new Error('no money') })
      export { app }`,
  })
  const cwd = shop.folder
  expect((await lovage(['dead', 'list', '--json'], { cwd })).stdout).toBe('{"items":[]}')
  const stats = await lovage(['-A', 'fail.ts', 'dead', 'stats'], { cwd })
  expect(stats.stdout).toMatch(/\nqueue +letters\ncelery\.dead +3\n/)
  const list = await lovage(['dead', 'list', '-Q', 'celery.dead'], { cwd })
  expect(
    list.stdout.match(/t\d\.reported-\S+ {2}celery\.dead {2}pay {3}failed {2}\S+ {2}Error: no money/g),
  ).toHaveLength(3)
  const show = await lovage(['dead', 'show', 't2'], { cwd })
  expect(show.stdout).toMatch(
    /queue +celery\.dead\n[\s\S]*args +\[2\][\s\S]*attempt 1, .*: Error: no money\n/,
  )
  expect((await lovage(['dead', 'show', 't9'], { cwd })).code).toBe(1)
  expect((await lovage(['dead', 'retry'], { cwd })).code).toBe(64)
  expect(await lovage(['dead', 'edit', 't1', '--args', '[7]'], { cwd })).toMatchObject({
    code: 0,
    stdout: '1 dead letter sent again.',
  })
  expect((await lovage(['dead', 'retry', 't2'], { cwd })).stdout).toBe('1 dead letter sent again.')
  expect((await lovage(['dead', 'purge', '--all'], { cwd })).code).toBe(64)
  expect((await lovage(['dead', 'purge', '--all', '-f'], { cwd })).stdout).toBe('1 dead letter removed.')
  expect((await lovage(['dead', 'stats', '--json'], { cwd })).stdout).toContain('"total":0')
  expect((await lovage(['queues', 'celery', '--json'], { cwd })).stdout).toContain('"ready":2')
})
