import type { Lovage, Replace, Worker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type RedisServer, runPython, startRedis } from '../servers.js'

let redis: RedisServer
let app: Lovage
let worker: Worker | undefined
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())
beforeEach(() => {
  app = createTestApp('ts', {
    broker: redis.url,
    backend: redis.url,
    jsonTypes: 'plain',
    taskDefaultQueue: 'ts',
  })
})
afterEach(async () => {
  await worker?.stop()
  await app.close()
})
const ask = async (code: string): Promise<unknown> =>
  JSON.parse(await runPython(`import json\n${code}`, { broker: redis.url, backend: redis.url }))

describe('calls that Python’s tasks know', { timeout: 60_000 }, () => {
  test('any number of positional arguments beside keywords', async () => {
    app.task({
      name: 'ts.total',
      params: ['first', '*rest', '**more'],
      run: (ctx, first: number, ...rest: number[]) => ({
        total: rest.reduce((a, b) => a + b, first),
        more: ctx.kwargs,
      }),
    })
    worker = await startTestWorker(app, { queues: ['ts'] })
    expect(
      await ask(`
call = lambda *args, **kwargs: app.send_task('ts.total', args=args, kwargs=kwargs, queue='ts').get(timeout=20)
print(json.dumps([call(1, 2, 3, unit='cm'), call(1), call(first=4)]))`),
    ).toEqual([
      { total: 6, more: { unit: 'cm' } },
      { total: 1, more: {} },
      { total: 4, more: { first: 4 } },
    ])
  })

  test('a task that returns the result of another, which either language then waits for', async () => {
    const add = app.task({ name: 'ts.add', run: (_ctx, x: number, y: number) => x + y })
    app.task({ name: 'ts.later', run: () => add.delay(1, 2) })
    worker = await startTestWorker(app, { queues: ['ts'] })
    const pairs = await (await app.sendTask('ts.later')).get({ timeout: 20 })
    expect(await app.resultFrom(pairs).get({ timeout: 20 })).toBe(3)
    expect(() => app.resultFrom(3)).toThrow(expect.objectContaining({ code: 'LVG_RESULT_UNREADABLE' }))
    expect(
      await ask(`
from celery.result import result_from_tuple
print(json.dumps(result_from_tuple(app.send_task('ts.later', queue='ts').get(timeout=20), app).get(timeout=20)))`),
    ).toBe(3)
  })

  test('a task that sends itself, and a handler that hears of a replacement', async () => {
    const heard: Replace[] = []
    const count = app.task({
      name: 'ts.count',
      onReplace: (_ctx, replacement) => void heard.push(replacement),
      run: (ctx, from: number): number => {
        if (from > 0) throw ctx.replace(app.signature(ctx.name, { args: [from - 1] }))
        return from
      },
    })
    worker = await startTestWorker(app, { queues: ['ts'] })
    expect(await (await count.delay(3)).get({ timeout: 20 })).toBe(0)
    await until(() => heard.length === 3)
    expect(heard.every(({ kind }) => kind === 'replace')).toBe(true)
  })
})
