import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CapabilityError, Lovage } from 'lovage'
import { createTestApp, startTestWorker } from 'lovage/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { coreOf } from '../packages/lovage/src/app/core/index.js'

/** What the compiler would say to TypeScript, plain JavaScript and casts have to hear at run time. */
const loose = <T>(value: unknown): T => value as T

let app: Lovage
beforeEach(() => {
  app = createTestApp()
})
afterEach(() => app.close())

describe('a mistake in', () => {
  test.each<[string, object, RegExp]>([
    [
      'an option',
      { name: 't', run: () => 1, retryBackof: true },
      /Task t has no option retryBackof; did you mean retryBackoff\?/,
    ],
    ['the name', { name: '', run: () => 1 }, /needs a name/],
    ['the function', { name: 't', run: 3 }, /run is not a function/],
    [
      'the priority',
      { name: 't', run: () => 1, priority: 99 },
      /priority must be a whole number from 0 to 9.*not 99/,
    ],
    ['the queue', { name: 't', run: () => 1, queue: '' }, /queue is empty/],
  ])('%s of a task is said when it is defined', (_what, definition, message) => {
    expect(() => app.task(loose<never>(definition))).toThrow(message)
  })

  test.each<[string, object, RegExp]>([
    ['option', { coutdown: 3 }, /A call of t has no option coutdown; did you mean countdown\?/],
    ['countdown', { countdown: Number.NaN }, /countdown must be a number of seconds, not NaN/],
    ['eta', { eta: '2030-01-01' }, /eta must be a Date, not "2030-01-01"/],
    ['priority', { priority: -1 }, /priority/],
  ])('the %s of a call is said before anything is sent', async (_what, options, message) => {
    const task = app.task({ name: 't', run: () => 1 })
    await expect(task.applyAsync([], loose(options))).rejects.toThrow(message)
  })
})

test.each<[string, unknown, RegExp]>([
  ['a list of arguments', [1, 2], /A call of t is one object/],
  ['a misspelt option', { arg: [1, 2] }, /A call of t has no option arg/],
  ['args that are no list', { args: 3 }, /args is not a list/],
  ['a priority that there is not', { priority: 99 }, /priority must be a whole number/],
])('%s is refused in a call by name', async (_what, call, message) => {
  await expect(app.sendTask('t', loose(call))).rejects.toThrow(message)
})

test('what Celery calls otherwise is pointed to', async () => {
  const task = app.task({ name: 't', run: () => 1 })
  await expect(task.applyAsync([], loose({ kwargs: {} }))).rejects.toMatchObject({
    hint: expect.stringContaining('as one object'),
  })
})

describe('a retry', () => {
  test('that is made and not thrown fails the task instead of passing unseen', async () => {
    const task = app.task({
      name: 'forgot',
      run: (ctx) => {
        ctx.retry({ countdown: 1 })
        return 1
      },
    })
    await using _worker = await startTestWorker(app)
    await expect((await task.delay()).get({ timeout: 5 })).rejects.toThrow(/throw ctx\.retry\(…\)/)
  })

  test('that is returned is a retry', async () => {
    const task = app.task({
      name: 'returns',
      run: (ctx): unknown => (ctx.retries === 0 ? ctx.retry({ countdown: 0 }) : 'second'),
    })
    await using _worker = await startTestWorker(app)
    expect(await (await task.delay()).get({ timeout: 5 })).toBe('second')
  })
})

test('a test worker reads every queue that the app’s tasks go to', async () => {
  const billing = app.task({ name: 'bill', queue: 'billing', run: (ctx) => ctx.deliveryInfo.queue })
  await using _worker = await startTestWorker(app)
  expect(await (await billing.delay()).get({ timeout: 5 })).toBe('billing')
})

test('waiting in vain shows whose waiting it was', async () => {
  const task = app.task({ name: 't', run: () => 1 })
  const result = await task.delay()
  const error = await result.get({ timeout: 0.01 }).catch((thrown: unknown) => thrown)
  expect(error).not.toBeInstanceOf(CapabilityError)
  expect((error as Error).stack).toMatch(/mistakes\.test\.ts/)
})

test('a test worker for an app that is connected says what to do', async () => {
  await using other = createTestApp('other')
  await (await coreOf(other).broker()).check()
  expect(() => other.configFromObject({ taskDefaultQueue: 'x' })).toThrow(/other is already connected/)
})

test('a result backend that there is not is said by the first call that wants a result', async () => {
  await using shop = createTestApp('shop', { backend: 'mongodb://user:secret@host/db' })
  const task = shop.task({ name: 'task', run: () => 1 })
  const refused = {
    code: 'LVG_DRIVER_UNKNOWN',
    message: expect.stringMatching(/No result backend serves mongodb/),
  }
  await expect(task.delay()).rejects.toMatchObject(refused)
  await expect(task.delay()).rejects.not.toThrow(/secret/)
  await expect(shop.sendTask('other')).rejects.toMatchObject(refused)
  expect((await task.applyAsync([], { ignoreResult: true })).id).toMatch(/-/)
})

test('results lie where messages do; an app without results says so when one is wanted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-results-'))
  try {
    const broker = `sqlite://${join(folder, 'queue.db')}`
    await using shop = createTestApp('shop', { broker })
    await using other = createTestApp('shop', { broker })
    const task = shop.task({ name: 'task', run: () => 'done' })
    await using _worker = await startTestWorker(shop)
    const { id } = await task.delay()
    expect(await other.asyncResult(id).get({ timeout: 20 })).toBe('done')
    await using silent = createTestApp('silent', { broker, backend: 'disabled://' })
    await expect(silent.asyncResult(id).get({ timeout: 1 })).rejects.toMatchObject({
      code: 'LVG_RESULT_DISABLED',
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a producer that has nothing else to do still hears that its broker is away', () => {
  const program = `
    import { Lovage } from 'lovage'
    const app = new Lovage('away', { broker: 'redis://127.0.0.1:1/0', backend: 'disabled://', env: {} })
    const task = app.task({ name: 'task', run: () => 1 })
    await task.delay().then(() => console.log('sent'), ({ code }) => console.log(code))
  `
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  })
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'LVG_CONNECTION_FAILED\n' })
})

test('a unit test of an app whose settings name a fleet does not talk to that fleet', async () => {
  const broker = 'redis://127.0.0.1:1/0'
  await using shop = new Lovage('shop', { broker, backend: broker, coordinationUrl: broker })
  const task = shop.task({ name: 'task', run: () => 1 })
  await using _worker = await startTestWorker(shop)
  expect(await (await task.delay()).get({ timeout: 5 })).toBe(1)
  expect(shop.conf.brokerUrl).toMatch(/^memory:/)
})

test('a test worker comes before the first call, or is told that the broker is meant', async () => {
  await using shop = new Lovage('shop', { broker: 'redis://127.0.0.1:1/0', backend: 'disabled://' })
  const task = shop.task({ name: 'task', run: () => 1 })
  await expect(task.delay()).rejects.toMatchObject({ code: 'LVG_CONNECTION_FAILED' })
  await expect(startTestWorker(shop)).rejects.toMatchObject({ code: 'LVG_CONFIG_INVALID' })
})
