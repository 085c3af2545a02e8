import { Lovage, type QueuedTask } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { everyStore, silent } from './every-store.js'

const HOUR = 3600

describe.each(everyStore('queues'))('tasks in a queue on %s', (_name, freshUrl) => {
  let app: Lovage
  let ran: string[]
  beforeEach(async () => {
    app = new Lovage('queues', { broker: await freshUrl(), env: {}, logger: silent, taskQueues: ['mail'] })
    ran = []
    app.task({ name: 'mail.send', run: (_ctx, to: string) => void ran.push(to) })
  })
  afterEach(() => app.close())

  const send = async (to: string, countdown?: number): Promise<string> => {
    const when = countdown === undefined ? {} : { countdown }
    return (await app.sendTask('mail.send', { args: [to], queue: 'mail', ...when })).id
  }
  const all = async (choice: { state?: QueuedTask['state'] } = {}): Promise<QueuedTask[]> => {
    const tasks: QueuedTask[] = []
    for await (const task of app.queues.each('mail', choice)) tasks.push(task)
    return tasks
  }
  const waiting = async (state: 'ready' | 'delayed') => (await app.queues.report(['mail']))[0]?.[state]

  test('can be listed, found and read', async () => {
    const now = await send('ada')
    const later = await send('bob', HOUR)
    expect(await app.queues.names()).toContain('mail')
    expect((await all()).map(({ id, argsrepr }) => [id, argsrepr]).sort()).toEqual(
      [
        [now, "('ada',)"],
        [later, "('bob',)"],
      ].sort(),
    )
    expect(await app.queues.find([now, 'nobody'])).toMatchObject([
      { id: now, queue: 'mail', task: 'mail.send', state: 'ready', retries: 0, kwargsrepr: '{}' },
    ])
    expect(await app.queues.peek(later)).toMatchObject({ args: ['bob'], kwargs: {}, headers: { id: later } })
    expect(await app.queues.peek('nobody')).toBeUndefined()
  })

  test('run at once when they are promoted, also those that a worker has put aside', async () => {
    await using worker = await startTestWorker(app)
    const [ada, bob] = [await send('ada', HOUR), await send('bob', HOUR)]
    // Where producers leave delays to workers, one of them puts the messages into the store first.
    await until(async () => (await waiting('delayed')) === 2)
    expect(worker.active).toEqual([])
    expect((await all({ state: 'delayed' })).map(({ id }) => id)).toEqual([ada, bob])
    expect(await app.queues.promote([ada, 'nobody'])).toBe(1)
    await app.asyncResult(ada).get({ timeout: 20 })
    expect(ran).toEqual(['ada'])
    expect(await waiting('delayed')).toBe(1)
    expect(await app.queues.promote([])).toBe(0)
  })

  test('run when they are rescheduled to, earlier or later, with or without a worker', async () => {
    const [soon, far, ready] = [await send('soon', HOUR), await send('far', HOUR), await send('ready')]
    expect(await app.queues.reschedule([ready], { countdown: HOUR })).toBe(1)
    expect(await app.queues.reschedule([far], { eta: new Date(Date.now() + 2 * HOUR * 1000) })).toBe(1)
    const dueMs = Date.now() + 500
    expect(await app.queues.reschedule([soon], { eta: new Date(dueMs) })).toBe(1)
    await using _worker = await startTestWorker(app)
    await app.asyncResult(soon).get({ timeout: 20 })
    expect(Date.now()).toBeGreaterThanOrEqual(dueMs - 15)
    await until(async () => (await waiting('delayed')) === 2)
    expect(ran).toEqual(['soon'])
    expect((await all({ state: 'delayed' })).map(({ id }) => id)).toEqual([ready, far])
    await expect(app.queues.reschedule([far], { eta: new Date(Number.NaN) })).rejects.toMatchObject({
      code: 'LVG_USAGE',
    })
  })

  test('never run when they are removed, and whoever waits is told', async () => {
    const [gone, later, kept] = [await send('gone'), await send('later', HOUR), await send('kept')]
    expect(await app.queues.remove([gone, later, 'nobody'])).toBe(2)
    expect(await app.asyncResult(gone).state()).toBe('REVOKED')
    await using _worker = await startTestWorker(app)
    await app.asyncResult(kept).get({ timeout: 20 })
    expect(ran).toEqual(['kept'])
    expect(await all()).toEqual([])
    expect(await app.queues.remove([gone])).toBe(0)
  })
})
