import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { startPool } from './start-pool.js'

test('what a child was to run next goes back to the queue when the present task takes longer', async () => {
  await using pool = await startPool('prefork', { slots: 1 })
  const quick = await Promise.all(
    Array.from({ length: 200 }, () => pool.app.sendTask('add', { args: [1, 1] })),
  )
  for (const one of quick) expect(await one.get({ timeout: 20 })).toBe(2)

  const long = await pool.app.sendTask('busy', { args: [1500] })
  const waiting = await Promise.all([1, 2, 3].map((n) => pool.app.sendTask('add', { args: [n, n] })))
  const broker = await pool.app.broker()
  await until(async () => {
    const depth = (await broker.depths(['celery'])).get('celery')
    return depth?.ready === 3 && pool.worker.active.length === 1
  })
  expect(await long.get({ timeout: 20 })).toBe(1500)
  expect(await Promise.all(waiting.map((one) => one.get({ timeout: 20 })))).toEqual([2, 4, 6])
})
