import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { chain, Lovage } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { describe, expect, test } from 'vitest'
import { encryptedSerializer } from '../../packages/lovage/src/message/encryption.js'
import { getSerializer } from '../../packages/lovage/src/message/index.js'
import { everyStore, silent } from '../every-store.js'
import { readGuide } from '../guides/guide.js'
import { pythonCelery, run, startRedis } from '../servers.js'

const SECRET = 'classified-4711'
const WAIT = { timeout: 60 }
const newKey = (): string => randomBytes(32).toString('base64')
const openApp = (broker: string, keys: readonly string[], more: object = {}): Lovage =>
  new Lovage('sealed', {
    broker,
    env: {},
    logger: silent,
    ...(keys.length > 0 ? { taskSerializer: 'encrypted', encryptionKeys: keys } : {}),
    ...more,
  })

/** What lies on the broker of a task, its body decoded. */
async function rawOf(app: Lovage, id: string): Promise<string> {
  const [waiting] = await app.queues.find([id])
  const raw = String(waiting?.raw)
  const { body = '' } = raw.startsWith('{') ? JSON.parse(raw) : {}
  return `${raw}\n${Buffer.from(body, 'base64').toString('latin1')}`
}

describe.each(everyStore('encryption'))('encrypted arguments on %s', (_name, freshUrl) => {
  test('are nowhere to be seen; the task runs, is retried with others, and goes on', {
    timeout: 90_000,
  }, async () => {
    const broker = await freshUrl()
    await using app = openApp(broker, [newKey()], { resultExtended: true })
    const seen: unknown[] = []
    const retried: string[] = []
    app.task({
      name: 'keep',
      maxRetries: 2,
      run: async (ctx, word: string) => {
        seen.push(word)
        if (ctx.retries === 0) throw ctx.retry({ countdown: 0, args: [`${word}-again`] })
        retried.push(JSON.stringify([ctx.headers, ctx.args]))
        return ctx.args.length
      },
    })
    app.task({ name: 'count', run: (_ctx, n: number, word: string) => n + word.length })
    const aside = await app.sendTask('keep', { args: [SECRET], kwargs: { pin: SECRET }, queue: 'aside' })
    const lying = await rawOf(app, aside.id)
    expect(lying).toContain(aside.id)
    expect(lying).not.toContain(SECRET)
    expect((await app.queues.peek(aside.id))?.args).toEqual([SECRET])
    const result = await app.sendTask('keep', { args: [SECRET] })
    await using worker = await startTestWorker(app, { queues: ['celery'] })
    expect(await result.get(WAIT)).toBe(1)
    expect(seen).toEqual([SECRET, `${SECRET}-again`])
    // What it was told: itself in clear, everybody else masked.
    const [headers, args] = JSON.parse(retried[0] ?? '[]')
    expect(JSON.stringify(args)).toContain(SECRET)
    expect(JSON.stringify(headers)).not.toContain(SECRET)
    expect(JSON.stringify((await result.info())?.extended ?? {})).not.toContain(SECRET)
    const chained = await chain([
      app.signature('count', { args: [1, SECRET] }),
      app.signature('count', { args: [SECRET] }),
    ]).delay()
    expect(await chained.get(WAIT)).toBe(1 + 2 * SECRET.length)
    await worker.stop()
  })

  test('of a key that was taken away, altered ones and plain ones become dead letters; with the key they run after all', {
    timeout: 90_000,
  }, async () => {
    const broker = await freshUrl()
    const [older, newer] = [newKey(), newKey()]
    const more = { acceptContent: ['encrypted'] }
    await using before = openApp(broker, [older], more)
    await using plain = openApp(broker, [])
    await using after = openApp(broker, [newer], more)
    await using both = openApp(broker, [newer, older], more)
    for (const app of [after, both]) app.task({ name: 'echo', run: (_ctx, word: string) => word })
    const old = await before.sendTask('echo', { args: ['old'] })
    const unsealed = await plain.sendTask('echo', { args: ['plain'] })
    const fresh = await after.sendTask('echo', { args: ['new'] })
    const worker = await startTestWorker(after)
    expect(await fresh.get(WAIT)).toBe('new')
    const letters = async () => (await after.deadLetters.list()).items
    await until(async () => (await letters()).length === 2, { timeoutMs: 60_000 })
    const said = new Map(
      (await letters()).map(({ taskId, reason, error }) => [taskId, `${reason} ${error.message}`]),
    )
    expect(said.get(old.id)).toMatch(/^malformed .*its key \([0-9a-f]{8}\) is not among encryptionKeys/)
    expect(said.get(unsealed.id)).toMatch(/^unaccepted .*"application\/json" is not accepted/)
    await worker.stop()
    const again = await startTestWorker(both)
    const [letter] = (await letters()).filter(({ taskId }) => taskId === old.id)
    expect(await both.deadLetters.retry(letter?.id ?? '')).toEqual({ retried: 1, unreadable: [] })
    // A result that is known to have failed is not asked for again: another one is.
    const state = async () => await both.asyncResult(old.id).state()
    await until(async () => (await state()) === 'SUCCESS', { timeoutMs: 60_000 })
    expect(await both.asyncResult(old.id).result()).toBe('old')
    await again.stop()
  })
})

test('are refused, with what to do, by a process that has no key', async () => {
  await using sealed = openApp('memory://no-key', [newKey()])
  await using open = openApp('memory://no-key', [])
  open.task({ name: 'echo', run: (_ctx, word: string) => word })
  const sent = await sealed.sendTask('echo', { args: [SECRET] })
  const worker = await startTestWorker(open)
  await expect(sent.get(WAIT)).rejects.toThrow(/application\/x-lovage-encrypted/)
  expect((await open.deadLetters.list()).items).toMatchObject([{ reason: 'unaccepted' }])
  await worker.stop()
})

test('are noticed when a single bit of them was changed, wherever it is', () => {
  const json = getSerializer('json')
  const { encode, decode } = encryptedSerializer({ keys: [newKey()], inner: json, readable: [json] })
  const value = [[SECRET], {}, {}]
  const body = Buffer.from(encode(value, ''))
  expect(decode(body, 'binary', {}, '')).toEqual(value)
  for (let at = 0; at < body.length; at++) {
    const changed = Buffer.from(body)
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
    expect(() => decode(changed, 'binary', {}, ''), `byte ${at}`).toThrow(
      expect.objectContaining({ code: 'LVG_MESSAGE_UNDECRYPTABLE' }),
    )
  }
  expect(() => decode(body.subarray(0, 20), 'binary', {}, '')).toThrow(/too short/)
  // No two look alike.
  expect(Buffer.from(encode(value, '')).equals(body)).toBe(false)
})

test.each([
  ['no key at all', []],
  ['a key that is too short', ['c2hvcnQta2V5']],
])('need keys: %s is one clear error that shows none', async (_what, keys) => {
  await using app = openApp('memory://keys', keys, { taskSerializer: 'encrypted' })
  const error = await app.sendTask('echo').catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'LVG_CONFIG_INVALID', hint: expect.stringContaining('openssl rand') })
  expect(String(error)).not.toContain('c2hvcnQta2V5')
})

test('are what Python refuses, by its content type', { timeout: 120_000 }, async () => {
  await using redis = await startRedis()
  await using app = openApp(redis.url, [newKey()])
  await using python = await pythonCelery({
    broker: redis.url,
    source: `
      @app.task(name='python.add')
      def add(*args):
          print('ran')`,
  })
  await app.sendTask('python.add', { args: [SECRET] })
  await until(() => python.log.includes('application/x-lovage-encrypted'), { timeoutMs: 60_000 })
  expect(python.log).not.toContain(SECRET)
  expect((await python.command('inspect', 'ping')).stdout).toContain('pong')
})

test('work as the guide shows', { timeout: 60_000 }, async () => {
  const shop = readGuide('encryption.md').makeShop()
  const testing = fileURLToPath(new URL('../../packages/lovage/dist/testing/index.js', import.meta.url))
  shop.write({
    'run.ts': `
      import { startTestWorker } from ${JSON.stringify(testing)}
      import { app, pay } from './app.ts'
      const worker = await startTestWorker(app)
      console.log(await (await pay.delay('4000 1234', 20)).get({ timeout: 30 }))
      await worker.stop()
      await app.close()`,
  })
  const loader = fileURLToPath(new URL('../../packages/lovage/dist/loader/index.js', import.meta.url))
  shop.write({
    'run.mjs': `const { importModules } = await import(${JSON.stringify(loader)})
      await importModules(['./run.ts'], process.cwd())`,
  })
  const env = { SHOP_KEYS: `${newKey()},${newKey()}` }
  const { stdout, stderr } = await run(process.execPath, ['run.mjs'], { cwd: shop.folder, env })
  expect(stdout, stderr).toContain('20 from 1234')
})
