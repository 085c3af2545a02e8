import { runTask, startTestWorker } from 'lovage/testing'
import { expect, test } from 'vitest'
import { app, greet, tidy } from '../src/tasks.js'

test('the function alone', async () => {
  expect(await runTask(tidy, [])).toEqual({ removed: 0 })
})

test('through a worker, on a broker in memory', async () => {
  await using worker = await startTestWorker(app)
  const result = await greet.delay('Ada')
  expect(await result.get({ timeout: 5 })).toMatch(/^Hello Ada/)
  expect(worker.processed).toBe(1)
})
