import { describe, expect, test } from 'vitest'
import { createTestApp, startTestWorker, until } from '../../testing/index.js'
import { type BatchCall, inBatches } from './in-batches.js'

describe('a task that takes its messages in batches', () => {
  test('gets as many as there are slots or as it asked for, the last ones after a while, and each has its own result', async () => {
    const app = createTestApp()
    const sizes: number[] = []
    const double = app.task({
      name: 'double',
      run: inBatches({ size: 4, seconds: 0.05 }, (calls: readonly BatchCall<[n: number], number>[]) => {
        sizes.push(calls.length)
        return calls.map(({ args: [n] }) => 2 * n)
      }),
    })
    const sent = await Promise.all(Array.from({ length: 10 }, (_, n) => double.delay(n)))
    {
      await using _worker = await startTestWorker(app)
      const results = await Promise.all(sent.map((one) => one.get({ timeout: 5 })))
      expect(results).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18])
      expect(sizes).toEqual([4, 4, 2])
    }
    sizes.length = 0
    await using _narrow = await startTestWorker(app, { concurrency: 2 })
    const more = await Promise.all([1, 2, 3, 4].map((n) => double.delay(n)))
    for (const one of more) await one.get({ timeout: 5 })
    expect(sizes).toEqual([2, 2])
    await app.close()
  })

  test('ends each message on its own: some fail, some are retried, the rest with the batch', async () => {
    const app = createTestApp()
    const run = inBatches({ size: 4 }, (calls: readonly BatchCall<[what: string], string>[]) => {
      for (const { args, context, succeed, fail } of calls) {
        if (args[0] === 'bad') fail(new RangeError('bad'))
        if (args[0] === 'later') {
          if (context.retries === 0) fail(context.retry({ countdown: 0 }))
          else succeed(`tried ${context.retries + 1} times`)
        }
        if (args[0] === 'good') succeed('fine')
      }
      if (calls.some(({ args }) => args[0] === 'rest')) throw new Error('the rest')
    })
    const mixed = app.task({ name: 'mixed', run })
    await using worker = await startTestWorker(app)
    const [good, bad, later, rest] = await Promise.all(
      ['good', 'bad', 'later', 'rest'].map((what) => mixed.delay(what)),
    )
    expect(await good?.get({ timeout: 5 })).toBe('fine')
    expect(await bad?.get({ timeout: 5, propagate: false })).toMatchObject({ exc_type: 'RangeError' })
    expect(await rest?.get({ timeout: 5, propagate: false })).toMatchObject({ exc_message: ['the rest'] })
    expect(await later?.get({ timeout: 5 })).toBe('tried 2 times')
    await until(() => worker.active.length === 0)
    await app.close()
  })

  test('loses none when a time limit takes one out of the batch', async () => {
    const app = createTestApp()
    const sizes: number[] = []
    const run = inBatches({ size: 3, seconds: 60 }, (calls: readonly BatchCall<[], null>[]) => {
      sizes.push(calls.length)
    })
    const slow = app.task({ name: 'slow', run })
    await using _worker = await startTestWorker(app)
    const limited = await slow.applyAsync([], { softTimeLimit: 0.05 })
    expect(await limited.get({ timeout: 5, propagate: false })).toMatchObject({
      exc_type: 'SoftTimeLimitExceeded',
    })
    const sent = await Promise.all([slow.delay(), slow.delay(), slow.delay()])
    for (const one of sent) expect(await one.get({ timeout: 5 })).toBeNull()
    expect(sizes).toEqual([3])
    await app.close()
  })
})
