import { startTestWorker, until } from 'lovage/testing'
import { describe, expect, test } from 'vitest'
import { appsOn, everyStore } from './every-store.js'

describe.each(everyStore('reused-id'))('an id that is used again, on %s', (_name, freshUrl) => {
  const openApp = appsOn('reused', freshUrl)

  test('after a delete or a revoke is another life, which a later revoke ends', async () => {
    const app = openApp()
    const runs: string[] = []
    const task = app.task({ name: 'again', run: (_ctx, label: string) => void runs.push(label) })
    await using _worker = await startTestWorker(app)
    await task.applyAsync(['deleted'], { taskId: 'one', countdown: 3600 })
    expect(await app.queues.remove(['one'])).toBe(1)
    await task.applyAsync(['anew'], { taskId: 'one' })
    await until(() => runs.length === 1)
    await app.control.revoke('two')
    await task.applyAsync(['two'], { taskId: 'two' })
    await until(() => runs.length === 2)
    await task.applyAsync(['late'], { taskId: 'two', countdown: 1 })
    await app.control.revoke('two')
    await until(async () => (await app.queues.find(['two'])).length === 0)
    expect(runs).toEqual(['anew', 'two'])
  })

  test('finds no steps of the task that had it before', async () => {
    const app = openApp()
    let downloads = 0
    let fails = true
    const task = app.task({
      name: 'nightly',
      run: async (ctx) => {
        const file = await ctx.step('download', () => `file ${++downloads}`)
        if (fails) {
          fails = false
          throw ctx.retry({ countdown: 0 })
        }
        return file
      },
    })
    await using _worker = await startTestWorker(app)
    const first = await task.applyAsync([], { taskId: 'nightly-report' })
    // A retry is the same task, and goes on behind its step.
    expect(await first.get({ timeout: 10 })).toBe('file 1')
    await first.forget()
    const second = await task.applyAsync([], { taskId: 'nightly-report' })
    expect(await second.get({ timeout: 10 })).toBe('file 2')
  })
})
