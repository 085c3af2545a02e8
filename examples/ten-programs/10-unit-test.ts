import { runTask, startTestWorker } from 'lovage/testing'
import { expect, test } from 'vitest'
import { add, app } from './01-task.js'

test('the function alone, with a context made for it', async () => {
  expect(await runTask(add, [2, 3], { retries: 1 })).toBe(5)
})

test('through a real worker on a broker in memory', async () => {
  await using worker = await startTestWorker(app)
  const result = await add.delay(2, 3)
  expect(await result.get({ timeout: 5 })).toBe(5)
  expect(worker.processed).toBe(1)
})
