import { chain, type Lovage } from 'lovage'
import { createTestApp, startTestWorker } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { type PythonCelery, pythonCelery, type RedisServer, startRedis } from '../servers.js'

/** Integers that a number does not hold, between Python, which holds any, and apps in either mode. */
const EDGES = [2n ** 53n, -(2n ** 53n), 2n ** 53n + 1n, 2n ** 63n, -(2n ** 64n), 10n ** 400n]
const SAFE = [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0, -1]

let redis: RedisServer
let python: PythonCelery
beforeAll(async () => {
  redis = await startRedis()
  python = await pythonCelery({
    broker: redis.url,
    backend: redis.url,
    source: `
      app.conf.update(task_default_queue='py')
      @app.task(name='py.next')
      def next_of(numbers):
          return [[n + 1 for n in numbers], repr(numbers)]`,
    args: ['-P', 'solo', '-Q', 'py'],
  })
}, 90_000)
afterAll(async () => {
  await python?.stop()
  await redis?.stop()
})

const open = (integers: 'number' | 'bigint', queue: string): Lovage =>
  createTestApp('ts', {
    broker: redis.url,
    backend: redis.url,
    jsonTypes: 'plain',
    taskDefaultQueue: queue,
    integers,
  })

describe('in an app that reads BigInt', { timeout: 60_000 }, () => {
  test('every integer goes to Python and back exactly, and so do Python’s to us', async () => {
    await using app = open('bigint', 'big')
    const next = app.task({
      name: 'ts.next',
      run: (_ctx, numbers: readonly (number | bigint)[]) => numbers.map((n) => BigInt(n) + 1n),
    })
    await using _worker = await startTestWorker(app, { queues: ['big'] })
    const numbers = [...EDGES, ...SAFE]
    const sent = await app.sendTask('py.next', { args: [numbers], queue: 'py' })
    const [values, repr] = (await sent.get({ timeout: 30 })) as [(number | bigint)[], string]
    expect(values.map(BigInt)).toEqual(numbers.map((n) => BigInt(n) + 1n))
    expect(repr).toBe(`[${numbers.join(', ')}]`)
    const answer = await python.run(`
numbers = [${numbers.join(', ')}]
result = app.send_task('ts.next', ([*numbers],), queue='big').get(timeout=30)
print(result == [n + 1 for n in numbers])`)
    expect(answer.trim()).toBe('True')
    // Our own caller, and a run in this process.
    expect((await (await next.delay(numbers)).get({ timeout: 30 })).map(BigInt)).toEqual(
      numbers.map((n) => BigInt(n) + 1n),
    )
    expect(await (await next.apply([EDGES])).get()).toEqual(EDGES.map((n) => n + 1n))
  })
})

describe('in an app that reads numbers', { timeout: 60_000 }, () => {
  test('a call of its own task is refused by path, in every format and as a later step, and nothing is sent', async () => {
    await using app = open('number', 'small')
    const next = app.task({ name: 'ts.next', run: (_ctx, _given: unknown) => null })
    const first = app.task({ name: 'ts.first', run: () => 1 })
    const long = { rows: [1, { total: 2n ** 53n }] }
    const refusal = (path: string) => ({
      code: 'LVG_MESSAGE_INTEGER_RANGE',
      details: { path, digits: '9007199254740992' },
    })
    for (const serializer of ['json', 'msgpack', 'yaml'] as const)
      await expect(next.applyAsync([long], { serializer })).rejects.toMatchObject(
        refusal('args[0].rows[1].total'),
      )
    const step = app.signature('ts.next', { args: [long], immutable: true })
    await expect(chain([first.s(), step]).delay()).rejects.toMatchObject(
      refusal('embed.chain[0].args[0].rows[1].total'),
    )
    const theirs = app.signature('py.next', { args: [[1]], queue: 'py' })
    await expect(chain([theirs, step]).delay()).rejects.toMatchObject(
      refusal('embed.chain[0].args[0].rows[1].total'),
    )
    const depths = await (await coreOf(app).broker()).depths(['small', 'py'])
    expect([depths.get('small')?.ready, depths.get('py')?.ready]).toEqual([0, 0])
    // What Python reads is for Python to judge; its answer is read in this app's mode, exactly or not at all.
    const exact = await app.sendTask('py.next', { args: [SAFE.map((n) => n - Math.sign(n))], queue: 'py' })
    expect(((await exact.get({ timeout: 30 })) as [number[]])[0]).toEqual(
      SAFE.map((n) => n - Math.sign(n) + 1),
    )
    const sent = await app.sendTask('py.next', { args: [[2n ** 60n]], queue: 'py' })
    await expect(sent.get({ timeout: 30 })).rejects.toMatchObject({
      code: 'LVG_RESULT_UNREADABLE',
      message: expect.stringContaining('result.result[0][0] is the integer 1152921504606846977'),
    })
  })

  test('Python’s call is refused by path, and its caller is told; the worker goes on', async () => {
    await using app = open('number', 'small')
    app.task({ name: 'ts.next', run: (_ctx, n: number) => n + 1 })
    await using _worker = await startTestWorker(app, { queues: ['small'] })
    const answer = await python.run(`
bad = app.send_task('ts.next', (2 ** 53,), queue='small')
good = app.send_task('ts.next', (2 ** 53 - 2,), queue='small')
print(json.dumps([repr(bad.get(timeout=30, propagate=False)), bad.state, good.get(timeout=30)]))`)
    const [error, state, value] = JSON.parse(answer) as [string, string, number]
    expect([state, value]).toEqual(['FAILURE', Number.MAX_SAFE_INTEGER])
    expect(error).toContain('args[0] is the integer 9007199254740992')
    const letters = await (await coreOf(app).broker()).deadLetters.list({})
    expect(letters.items.map((letter) => letter.task)).toContain('ts.next')
  })
})
