import { expect, test } from 'vitest'
import { createTestApp, startTestWorker, until } from '../testing/index.js'

test('a pool grows while tasks wait, up to its bound, and shrinks when it was idle for a while', async () => {
  const app = createTestApp()
  const release: (() => void)[] = []
  const hold = app.task({ name: 'hold', run: () => new Promise<void>((resolve) => release.push(resolve)) })
  await using worker = await startTestWorker(app, {
    concurrency: 1,
    autoscale: { max: 5, min: 2, everyMs: 5, keepaliveMs: 60 },
  })
  expect(worker.pool.slots).toBe(2)
  const sent = await Promise.all(Array.from({ length: 8 }, () => hold.delay()))
  await until(() => worker.active.length === 5)
  expect(worker.pool.slots).toBe(5)

  // Other bounds at run time.
  const { autoscaler } = worker
  if (autoscaler) autoscaler.bounds = { max: 7, min: 1 }
  await until(() => worker.active.length === 7)
  expect(() => {
    if (autoscaler) autoscaler.bounds = { max: 1, min: 2 }
  }).toThrow(/cannot scale between 2 and 1/)

  await until(() => {
    for (const go of release.splice(0)) go()
    return worker.processed === 8
  })
  for (const one of sent) await one.get({ timeout: 5 })
  await until(() => worker.pool.slots === 1)
  await app.close()
})

test('an app’s own steps start before anything is claimed, and stop in reverse order', async () => {
  const app = createTestApp()
  const said: string[] = []
  for (const name of ['one', 'two']) {
    app.steps.push({
      name,
      start: async ({ hostname, processed }) => {
        said.push(`${name} starts in ${hostname.slice(0, 4)} after ${processed}`)
      },
      stop: ({ processed }, how) => void said.push(`${name} stops ${how} after ${processed}`),
    })
  }
  app.signals.on('workerProcessInit', () => said.push('init'))
  app.signals.on('workerProcessShutdown', () => said.push('shutdown'))
  const task = app.task({ name: 'task', run: () => void said.push('task') })
  await task.delay()
  {
    await using worker = await startTestWorker(app)
    await until(() => worker.processed === 1)
  }
  expect(said).toEqual([
    'init',
    'one starts in test after 0',
    'two starts in test after 0',
    'task',
    'shutdown',
    'two stops warm after 1',
    'one stops warm after 1',
  ])
  await app.close()
})
