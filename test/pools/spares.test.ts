import { readFileSync } from 'node:fs'
import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { startPool } from './start-pool.js'

test('what a child was to run next goes back to the queue when the present task takes longer', async () => {
  await using pool = await startPool('prefork', { slots: 1 })
  const quick = await Promise.all(
    Array.from({ length: 200 }, () => pool.app.sendTask('add', { args: [1, 1] })),
  )
  for (const one of quick) expect(await one.get({ timeout: 20 })).toBe(2)

  const long = await pool.app.sendTask('busy', { args: [1500] })
  const waiting = await Promise.all([1, 2, 3].map((n) => pool.app.sendTask('add', { args: [n, n] })))
  const broker = await coreOf(pool.app).broker()
  await until(async () => {
    const depth = (await broker.depths(['celery'])).get('celery')
    return depth?.ready === 3 && pool.worker.active.length === 1
  })
  expect(await long.get({ timeout: 20 })).toBe(1500)
  expect(await Promise.all(waiting.map((one) => one.get({ timeout: 20 })))).toEqual([2, 4, 6])
})

test.each(['prefork', 'threads'] as const)(
  'short tasks among long ones run once each in %s, wherever they end up',
  { timeout: 60_000 },
  async (kind) => {
    await using one = await startPool(kind)
    await using two = await startPool(kind, { beside: one })
    const count = 3000
    const task = one.app.tasks.get('once')
    expect(task).toBeDefined()
    // Nothing, nothing, a little, and now and then so much that what waits behind it is taken back.
    const ms = (n: number) => (n % 97 === 0 ? 40 : n % 31 === 0 ? 12 : n % 7 === 0 ? 2 : 0)
    for (let n = 0; n < count; n += 100)
      await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          one.app.sendTask('once', { args: [n + i, ms(n + i)], ignoreResult: true }),
        ),
      )
    const runs = () =>
      readFileSync(one.notes, 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('once '))
    await until(() => one.worker.processed + two.worker.processed >= count, { timeoutMs: 50_000 })
    expect(runs().length).toBe(count)
    expect(new Set(runs()).size).toBe(count)
    expect(one.worker.pool.stats.lost + two.worker.pool.stats.lost).toBe(0)
  },
)
