import { broadcast, Lovage, Queue, workerDirect } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { coreOf } from '../packages/lovage/src/app/core/index.js'
import { everyStore, silent } from './every-store.js'

describe.each(everyStore('routing'))('queues as objects on %s', (_name, freshUrl) => {
  let url: string
  const apps: Lovage[] = []
  beforeEach(async () => {
    url = await freshUrl()
  })
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()))
  })
  /** The app of one process, whose task says where it ran. */
  const openApp = (where: string, ran: string[], more: object = {}): Lovage => {
    const app = new Lovage('routing', {
      broker: url,
      env: {},
      logger: silent,
      taskQueues: ['celery', broadcast('reload'), new Queue('mail', { messageTtl: 0.2, maxPriority: 9 })],
      ...more,
    })
    app.task({ name: 'work', run: (_ctx, what: string) => void ran.push(`${where} ${what}`) })
    const reload = app.task({
      name: 'reload',
      queue: 'reload',
      maxRetries: 1,
      run: (ctx) => {
        ran.push(`${where} reload ${ctx.retries}`)
        if (ctx.retries === 0) throw ctx.retry({ countdown: 0 })
      },
    })
    app.task({
      name: 'chains',
      run: (ctx) => {
        throw ctx.replace(reload.si())
      },
    })
    apps.push(app)
    return app
  }

  test('a broadcast task runs on every worker, and is retried there', async () => {
    const ran: string[] = []
    const [one, two] = [openApp('one', ran), openApp('two', ran)]
    await using first = await startTestWorker(one, { hostname: 'one@box' })
    await using _second = await startTestWorker(two, { hostname: 'two@box' })
    const producer = openApp('nobody', ran)
    await producer.sendTask('reload', { queue: 'reload' })
    const everywhere = ['one reload 0', 'one reload 1', 'two reload 0', 'two reload 1']
    await until(() => ran.length === 4)
    expect(ran.splice(0).toSorted()).toEqual(everywhere)
    // What a task leads to may be a broadcast too.
    await producer.sendTask('chains')
    await until(() => ran.length === 4)
    expect(ran.splice(0).toSorted()).toEqual(everywhere)
    expect(first.queues).toContain('reload')
    // Who consumes it no more hears no more.
    await first.setQueues(['celery'])
    await producer.sendTask('reload', { queue: 'reload' })
    await until(() => ran.length === 2)
    await producer.sendTask('work', { args: ['last'] })
    await until(() => ran.some((line) => line.endsWith('last')))
    expect(ran.filter((line) => line.startsWith('one reload'))).toEqual([])
  })

  test('a worker has a queue of its own', async () => {
    const ran: string[] = []
    const direct = { workerDirect: true }
    await using _first = await startTestWorker(openApp('one', ran, direct), { hostname: 'one@box' })
    await using _second = await startTestWorker(openApp('two', ran, direct), { hostname: 'two@box' })
    const producer = openApp('nobody', ran)
    for (const node of ['one', 'two', 'two'])
      await producer.sendTask('work', { args: [node], queue: workerDirect(`${node}@box`) })
    await producer.signature('work', { args: ['signed'], queue: workerDirect('one@box') }).applyAsync()
    await until(() => ran.length === 4)
    expect(ran.toSorted()).toEqual(['one one', 'one signed', 'two two', 'two two'])
  })

  test('what waits for longer than its queue lets it is revoked', async () => {
    const ran: string[] = []
    const app = openApp('one', ran)
    const late = await app.sendTask('work', { args: ['late'], queue: 'mail' })
    const [found] = await app.queues.find([late.id])
    const expires = Date.parse((await app.queues.peek(late.id))?.headers?.expires ?? '')
    expect(found).toMatchObject({ queue: 'mail', state: 'ready' })
    await until(() => Date.now() > expires)
    await using _worker = await startTestWorker(app)
    const fresh = await app.sendTask('work', { args: ['fresh'], queue: 'celery' })
    await fresh.get({ timeout: 20 })
    await until(async () => (await late.state()) === 'REVOKED')
    expect(ran).toEqual(['one fresh'])
  })
})

test('a queue is checked when it is made, and so is one that the settings name', () => {
  expect(() => new Queue('mail', { maxLength: -1 })).toThrow(/maxLength must be /)
  // Written as a program without types might.
  expect(() => new Queue('mail', { maxLenght: 1 } as object)).toThrow(
    /unknown queue option maxLenght; valid options are/,
  )
  const app = new Lovage('routing', { broker: 'memory://checked', env: {}, logger: silent })
  app.configFromObject({ taskQueues: [{ name: 'mail', expires: Number.NaN }] })
  expect(() => coreOf(app).router).toThrow(/Queue mail: expires must be /)
})
