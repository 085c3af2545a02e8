import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { contract, crontab, Lovage } from 'lovage'
import { createTestApp, startTestWorker } from 'lovage/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { embeddedUrl } from '../packages/lovage/src/drivers/index.js'
import { run } from './servers.js'

/** What the compiler would say to TypeScript, plain JavaScript and casts have to hear at run time. */
const loose = <T>(value: unknown): T => value as T

let app: Lovage
beforeEach(() => {
  app = createTestApp()
})
afterEach(() => app.close())

test.each<[string, object, RegExp]>([
  ['delay', { delay: 5000 }, /countdown: 5/],
  ['attempts', { attempts: 3 }, /maxRetries/],
  ['backoff', { backoff: { type: 'exponential' } }, /retryBackoff/],
  ['jobId', { jobId: 'x' }, /taskId/],
  ['removeOnComplete', { removeOnComplete: true }, /resultExpires/],
  ['repeat', { repeat: { pattern: '* * * * *' } }, /addPeriodicTask/],
  ['startAfter', { startAfter: 5 }, /countdown/],
  ['runAt', { runAt: new Date() }, /eta/],
  ['singletonKey', { singletonKey: 'x' }, /once/],
  ['jobKey', { jobKey: 'x' }, /once/],
])("another queue's word %s is refused, and ours is named", async (_word, options, hint) => {
  const task = app.task({ name: 't', run: () => 1 })
  await expect(task.applyAsync([], loose(options))).rejects.toMatchObject({
    code: expect.stringMatching(/^LVG_CONFIG_(?:UNKNOWN|INVALID)$/),
    hint: expect.stringMatching(hint),
  })
})

test.each([
  ['taskId', 7],
  ['replyTo', {}],
  ['retries', 'two'],
  ['timeLimit', '30s'],
  ['ignoreResult', 'yes'],
  ['compression', 'snappy'],
])('an option of a call with a value of another kind is refused: %s', async (name, value) => {
  const task = app.task({ name: 't', run: () => 1 })
  await expect(task.applyAsync([], loose({ [name]: value }))).rejects.toMatchObject({
    code: 'LVG_CONFIG_INVALID',
    message: expect.stringContaining(`${name} must be `),
  })
})

test.each<[string, readonly unknown[], string]>([
  ['maxRetries', [-1, 1.5, '3'], 'a whole number, 0 or more, or null for no limit'],
  ['defaultRetryDelay', [-1, '5', Number.NaN], 'a number of seconds, 0 or more'],
  ['retryBackoff', [-2, 'yes'], 'true, false or a number of seconds, 0 or more'],
  ['retryJitter', ['some', -1], "true, false, 'full', 'equal' or a number, 0 or more"],
  ['retryOptions', [{ countdown: -1 }, 5], 'an object with `countdown`'],
  ['timeLimit', [-5, '5', Number.POSITIVE_INFINITY], 'a number of seconds, 0 or more'],
  ['rateLimit', ['10/x', -1, 'ten'], 'a rate such as 10/s, 10/m or 10/h'],
  ['rateLimitScope', ['world'], 'one of cluster, worker'],
  ['concurrencyLimit', [0, 1.5, { limit: 1 }], 'a whole number, 1 or more, or an object'],
  ['serializer', ['pickle'], 'one of json, msgpack, yaml, auth, encrypted'],
  ['compression', ['snappy', 'bzip2'], 'one of gzip, zlib, brotli'],
  ['acksLate', ['yes', 1], 'true or false'],
  ['deadLetter', ['always'], 'one of rejects, exhausted, failures, never'],
  ['autoretryFor', [Error, ['Error']], 'a list of error classes'],
  ['unique', ['x'], 'true, false or an object'],
  ['onFailure', [5], 'a function'],
])(
  'an option of a task with a value of another kind is refused, in code and from an operator: %s',
  async (name, values, rule) => {
    for (const value of values) {
      const refused = expect.objectContaining({
        code: 'LVG_CONFIG_INVALID',
        message: expect.stringContaining(`${name} must be ${rule}`),
      })
      expect(() => app.task({ name: 't', run: () => 1, ...loose<object>({ [name]: value }) })).toThrow(
        refused,
      )
      await using annotated = createTestApp('x', { taskAnnotations: loose({ t: { [name]: value } }) })
      const task = annotated.task({ name: 't', run: () => 1 })
      await expect(task.delay()).rejects.toThrow(refused)
    }
  },
)

test('a compression that there is not is refused where the app is made', () => {
  expect(() => createTestApp('x', { taskCompression: 'snappy' })).toThrow(/one of gzip, zlib, brotli/)
  const env = { CELERY_TASK_COMPRESSION: 'snappy' }
  expect(() => new Lovage('x', { env })).toThrow(/CELERY_TASK_COMPRESSION expects one of gzip, zlib, brotli/)
})

test('a worker with a size that there is not does not start', async () => {
  for (const options of [{ concurrency: 1.5 }, { concurrency: 0 }, { prefetchMultiplier: -1 }])
    await expect(startTestWorker(app, options)).rejects.toThrow(/must be a whole number, [01] or more/)
})

describe('a time zone that there is not is refused', () => {
  const refused = { code: 'LVG_CONFIG_INVALID', message: expect.stringContaining('Europe/Berlim') }

  test('where the app is made, from code and from the environment', () => {
    expect(() => createTestApp('x', { timezone: 'Europe/Berlim' })).toThrow(expect.objectContaining(refused))
    const env = { CELERY_TIMEZONE: 'Europe/Berlim' }
    expect(() => new Lovage('x', { env })).toThrow(/CELERY_TIMEZONE expects the IANA name of a time zone/)
    expect(createTestApp('x', { timezone: 'Europe/Berlin' }).conf.timezone).toBe('Europe/Berlin')
  })

  test('where a periodic task is added, and in a crontab it is shown where it belongs', () => {
    const task = app.task({ name: 't', run: () => 1 })
    expect(() => app.addPeriodicTask(5, task, { timezone: 'Mars/Base' })).toThrow(/Mars\/Base/)
    expect(() => crontab(loose({ hour: 2, timezone: 'Europe/Berlin' }))).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("{ timezone: 'Europe/Berlin' }") }),
    )
  })
})

test('a condition that dead letters do not have chooses none of them, rather than all', async () => {
  const task = app.task({
    name: 't',
    deadLetter: 'failures',
    run: () => {
      throw new Error('no')
    },
  })
  await using _worker = await startTestWorker(app)
  await expect((await task.delay()).get({ timeout: 5 })).rejects.toThrow('no')
  for (const choice of [{ id: 'x' }, { taskk: 't' }]) {
    const refused = { code: 'LVG_CONFIG_UNKNOWN', hint: expect.stringContaining('queue, task, reason, ids') }
    await expect(app.deadLetters.purge(loose(choice))).rejects.toMatchObject(refused)
    await expect(app.deadLetters.retry(loose(choice))).rejects.toMatchObject(refused)
    await expect(app.deadLetters.list(loose(choice))).rejects.toMatchObject(refused)
  }
  expect((await app.deadLetters.stats()).total).toBe(1)
})

test.each<[string, () => unknown, RegExp, RegExp]>([
  [
    'a line of cron as a schedule',
    () => app.addPeriodicTask(loose('5 * * * *'), 't'),
    /not '5 \* \* \* \*'|not "5/,
    /fromString/,
  ],
  ['a line of cron as fields', () => crontab(loose('0 3 * * *')), /not of the line '0 3/, /fromString\('0 3/],
  [
    'a signature as a periodic task',
    () => app.addPeriodicTask(5, loose(app.task({ name: 't', run: () => 1 }).s())),
    /a task or the name of one/,
    /\{ args: \[2, 3\] \}/,
  ],
  [
    'an app without a name',
    () => new Lovage(loose({ broker: 'memory://x' })),
    /has a name/,
    /new Lovage\('shop'/,
  ],
  [
    'a task without a function',
    () => app.task(loose<never>({ name: 't' })),
    /t: run is not a function/,
    /app\.remote/,
  ],
  ['a task of name and function', () => app.task(loose<never>('t')), /needs a name/, /app\.task\(\{ name/],
  [
    'a connection as an object',
    () => createTestApp('x', loose({ redis: {} })),
    /redis is not known\.$/,
    /broker: 'redis:/,
  ],
])('%s is refused where it is written', (_what, mistake, message, hint) => {
  expect(mistake).toThrow(
    expect.objectContaining({ message: expect.stringMatching(message), hint: expect.stringMatching(hint) }),
  )
})

test('an option that is like none lists those that there are; one that is near is named', async () => {
  const task = app.task({ name: 't', run: () => 1 })
  await expect(task.applyAsync([], loose({ own: 1 }))).rejects.toMatchObject({
    message: 'A call of t has no option own.',
    hint: expect.stringMatching(/^Its options are .*countdown/),
  })
  await expect(task.applyAsync([], loose({ countDown: 1 }))).rejects.toThrow(/did you mean countdown\?/)
  await expect(task.applyAsync([], loose({ link_error: 1 }))).rejects.toMatchObject({
    hint: expect.stringContaining('linkError(other.s())'),
  })
})

test('an address without a scheme is told how a URL begins', async () => {
  await using shop = new Lovage('shop', { broker: 'localhost:6379', env: {} })
  await expect(shop.task({ name: 't', run: () => 1 }).delay()).rejects.toMatchObject({
    code: 'LVG_DRIVER_UNKNOWN',
    hint: expect.stringContaining('redis://localhost:6379'),
  })
})

test('an empty broker URL says which variable is empty', () => {
  expect(() => new Lovage('x', { env: { CELERY_BROKER_URL: '' } })).toThrow(
    /Environment variable CELERY_BROKER_URL expects a URL, which is not empty/,
  )
  expect(() => new Lovage('x', { broker: '' })).toThrow(/brokerUrl expects a URL, which is not empty/)
})

test('an optional argument may be given as undefined, and a contract needs no options', async () => {
  const task = app.task({ name: 't', run: (_ctx, x: number, y?: number) => [x, y ?? 'none'] })
  await using _worker = await startTestWorker(app)
  expect(await (await task.delay(1, undefined)).get({ timeout: 5 })).toEqual([1, 'none'])
  const far = app.remote<[x: number, y?: number], unknown>({ name: 't' })
  expect(await (await far.delay(2)).get({ timeout: 5 })).toEqual([2, 'none'])
  expect(app.remote(contract<[number], unknown>('t')).name).toBe('t')
})

describe('a workspace', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'lovage-workspace-'))
    for (const name of ['api', 'worker']) {
      mkdirSync(join(root, 'packages', name, 'src'), { recursive: true })
      writeFileSync(join(root, 'packages', name, 'package.json'), '{}')
    }
  })
  afterEach(() => rmSync(root, { recursive: true }))

  test.each([
    ['package.json', '{"workspaces":["packages/*"]}'],
    ['pnpm-workspace.yaml', 'packages: [packages/*]\n'],
  ])('has one embedded file for all its packages: %s', (name, text) => {
    writeFileSync(join(root, 'package.json'), '{}')
    writeFileSync(join(root, name), text)
    for (const folder of ['.', 'packages/api', 'packages/worker/src'])
      expect(embeddedUrl({}, join(root, folder))).toBe(`sqlite://${join(root, '.lovage/queue.db')}`)
  })

  test('is not looked for beyond a repository, and without one a package has its own file', () => {
    writeFileSync(join(root, 'package.json'), '{"workspaces":["packages/*"]}')
    mkdirSync(join(root, 'packages/api/.git'))
    expect(embeddedUrl({}, join(root, 'packages/api'))).toBe(
      `sqlite://${join(root, 'packages/api/.lovage/queue.db')}`,
    )
    writeFileSync(join(root, 'package.json'), '{}')
    expect(embeddedUrl({}, join(root, 'packages/worker/src'))).toBe(
      `sqlite://${join(root, 'packages/worker/.lovage/queue.db')}`,
    )
  })
})

test('a caller who waits in vain is told where results are expected', async () => {
  const task = app.task({ name: 't', run: () => 1 })
  await expect((await task.delay()).get({ timeout: 0.01 })).rejects.toMatchObject({
    hint: expect.stringMatching(/whether a worker runs there.*memory:/),
  })
})

test('what another copy of the package made is told apart, and the error says how to look', async () => {
  const built = fileURLToPath(new URL('../packages/lovage/', import.meta.url))
  const folder = mkdtempSync(join(tmpdir(), 'lovage-copies-'))
  try {
    for (const part of ['dist', 'package.json'])
      cpSync(join(built, part), join(folder, part), { recursive: true })
    symlinkSync(fileURLToPath(new URL('../node_modules', import.meta.url)), join(folder, 'node_modules'))
    const [one, other] = [built, folder].map((path) => pathToFileURL(join(path, 'dist/index.js')).href)
    const program = `
      const { Lovage } = await import(${JSON.stringify(one)})
      const { chain, ResultSet } = await import(${JSON.stringify(other)})
      const task = new Lovage('a', { broker: 'memory://a' }).task({ name: 't', run: (_ctx, x) => x })
      const result = await task.delay(1)
      for (const use of [() => chain(task.s(1), task.s()), () => new ResultSet([result]).join({ timeout: 1 })])
        await Promise.resolve().then(use).catch(({ code, message, hint }) => console.log(code, message, hint))
      process.exit()`
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program])
    const lines = stdout.trim().split('\n')
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(/LVG_TWO_COPIES This signature was made by another.*npm ls lovage/)
    expect(lines[1]).toMatch(/LVG_TWO_COPIES This result was made by another.*npm ls lovage/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.each([
  ['redis', '/0'],
  ['rediss', '/0'],
  ['amqp', '//'],
  ['amqps', '//'],
  ['postgresql', '/x'],
])(
  'a call to a server of %s that accepts and says nothing fails after two time-outs at most',
  async (scheme, path) => {
    const silent = createServer()
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    // A server's address is an object unless it listens on a pipe.
    const { port } = silent.address() as AddressInfo
    const shop = new Lovage('shop', {
      broker: `${scheme}://127.0.0.1:${port}${path}`,
      backend: 'disabled://',
      brokerConnectionTimeout: 1,
    })
    const task = shop.task({ name: 't', run: () => 1 })
    try {
      const beganMs = performance.now()
      await expect(task.delay()).rejects.toMatchObject({ code: 'LVG_CONNECTION_FAILED' })
      // Two time-outs, on a machine that may be very busy: it waited for ever.
      expect(performance.now() - beganMs).toBeLessThan(15_000)
    } finally {
      await shop.close()
      silent.close()
    }
  },
  20_000,
)
