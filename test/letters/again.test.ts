import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { describe, expect, test, vi } from 'vitest'
import { everyStore } from '../every-store.js'

vi.setConfig({ testTimeout: 60_000 })

describe.each(everyStore('again'))('on %s', (_, freshUrl) => {
  test('a letter that is sent again, fails again under the same id and is sent again runs each time', async () => {
    await using app = createTestApp('again', { broker: await freshUrl(), backend: 'disabled://' })
    let runs = 0
    let isDown = true
    const charge = app.task({
      name: 'shop.charge',
      deadLetter: 'failures',
      run() {
        runs++
        if (isDown) throw new Error('the bank is closed')
      },
    })
    const letters = async (): Promise<number> => (await app.deadLetters.list()).items.length
    await using _worker = await startTestWorker(app)
    for (let round = 1; round <= 2; round++) {
      isDown = true
      await charge.applyAsync([], { taskId: 'invoice-17' })
      await until(async () => (await letters()) === 1)
      isDown = false
      expect(await app.deadLetters.retry({})).toMatchObject({ retried: 1 })
      await until(() => runs === 2 * round)
      expect(await letters()).toBe(0)
    }
  })

  test('a failure that is reported twice under one id is two letters', async () => {
    await using app = createTestApp('again', { broker: await freshUrl(), backend: 'disabled://' })
    let delivered = 0
    app.task({ name: 'shop.deliver', run: () => void delivered++ })
    await using _worker = await startTestWorker(app)
    for (let round = 1; round <= 2; round++) {
      await app.deadLetters.add({ taskId: 'webhook-9', task: 'shop.deliver', error: new Error('down') })
      expect(await app.deadLetters.retry({ task: 'shop.deliver' })).toMatchObject({ retried: 1 })
      await until(() => delivered === round)
    }
  })

  test('two calls of one id that fail are two letters', async () => {
    await using app = createTestApp('again', { broker: await freshUrl(), backend: 'disabled://' })
    const sync = app.task({
      name: 'shop.sync',
      deadLetter: 'failures',
      run(_ctx, _cents: number) {
        throw new Error('no')
      },
    })
    await using _worker = await startTestWorker(app)
    for (const cents of [100, 250]) await sync.applyAsync([cents], { taskId: 'sync-7' })
    await until(async () => (await app.deadLetters.list()).items.length === 2)
    const opened = await Promise.all(
      (await app.deadLetters.list()).items.map((one) => app.deadLetters.open(one)),
    )
    expect(opened.map(({ call }) => call?.args).sort()).toEqual([[100], [250]])
  })
})
