import { startTestWorker, until } from 'lovage/testing'
import { describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { appsOn, everyStore } from '../every-store.js'

describe.each(everyStore('freed'))('on %s', (_name, freshUrl) => {
  const openApp = appsOn('freed', freshUrl)

  test('a unique call that is revoked while no worker is up lets the next one be sent', async () => {
    const app = openApp()
    const sync = app.task({ name: 'sync', unique: true, run: () => 'ran' })
    const later = app.task({ name: 'later', throttle: 600, run: () => 'ran' })
    const revoked = await sync.delay()
    const delayed = await sync.applyAsync([], { countdown: 600 })
    expect(delayed.id).toBe(revoked.id)
    const counted = await later.delay()
    await revoked.revoke()
    await counted.revoke()
    const next = await sync.delay()
    expect(next.id).not.toBe(revoked.id)
    // Throttled calls are counted by time, whatever becomes of them.
    expect((await later.delay()).id).toBe(counted.id)
    await using _worker = await startTestWorker(app)
    expect(await next.get({ timeout: 20 })).toBe('ran')
    expect(await revoked.state()).toBe('REVOKED')
  })

  test('one that waits for its time is freed as well, and one that is removed or purged', async () => {
    const app = openApp()
    const sync = app.task({ name: 'sync', unique: true, run: () => 'ran' })
    const delayed = await sync.applyAsync([], { countdown: 600 })
    await app.control.revoke(delayed.id)
    const removed = await sync.delay()
    expect(removed.id).not.toBe(delayed.id)
    expect(await app.queues.remove([removed.id])).toBe(1)
    const purged = await sync.delay()
    expect(purged.id).not.toBe(removed.id)
    await app.queues.purge('celery')
    const next = await sync.delay()
    expect(next.id).not.toBe(purged.id)
    await using _worker = await startTestWorker(app)
    expect(await next.get({ timeout: 20 })).toBe('ran')
  })

  test('one that a worker runs keeps its key until it has ended, although it is revoked', async () => {
    const app = openApp()
    let end = (): void => {}
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const sync = app.task({ name: 'sync', unique: true, run: () => ended })
    await using worker = await startTestWorker(app)
    const first = await sync.delay()
    await until(() => worker.active.length === 1)
    await first.revoke()
    expect((await sync.delay()).id).toBe(first.id)
    end()
    await until(async () => (await (await coreOf(app).coordination()).list('unique')).length === 0)
    expect((await sync.delay()).id).not.toBe(first.id)
  })
})
