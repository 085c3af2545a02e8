import { Lovage, type Progress } from 'lovage'
import { until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import type { Event } from '../../packages/lovage/src/events/index.js'
import { Command } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { BROKERS, type RunningBroker } from './brokers.js'

// Programs are started here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 90_000 })

const APP = `
import { Lovage } from 'lovage'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
export const app = new Lovage('photos', { taskSendSentEvent: true, taskDefaultQueue: 'photos' })
const thumb = app.task({ name: 'photos.thumb', run: (_ctx, width: number) => width })
export const resize = app.task({
  name: 'photos.resize',
  run: async (ctx, gate: string) => {
    ctx.sendEvent('photo-resized', { width: 200, by: 'task' })
    await ctx.progress(0.4, { step: 'resize' })
    while (!existsSync(gate)) await sleep(20)
    await ctx.progress(2, 2)
    await thumb.delay(20)
    return 'done'
  },
})
export const odd = app.task({ name: 'photos.odd', run: (ctx) => ctx.sendEvent('odd', { fn: () => 1 }) })
export const misnamed = app.task({ name: 'photos.misnamed', run: (ctx) => ctx.sendEvent('no name', {}) })
`

describe.each(BROKERS)('events of one’s own on $name', ({ start }) => {
  let broker: RunningBroker
  let client: Lovage
  let events: Event[]
  let listening: AbortController
  let heard: Promise<void>
  beforeAll(async () => {
    broker = await start()
  })
  afterAll(() => broker.stop())
  beforeEach(() => {
    client = new Lovage('client', { broker: broker.url, backend: broker.backend, env: {} })
    events = []
    listening = new AbortController()
    heard = (async () => {
      for await (const event of client.events({ signal: listening.signal })) events.push(event)
    })()
  })
  afterEach(async () => {
    listening.abort()
    await heard
    await client.close()
  })

  test.each(['async', 'prefork', 'threads'])(
    'are told by tasks in a pool of %s, and their progress is followed',
    async (pool) => {
      using shop = makeProject({ 'package.json': '{"name":"photos","type":"module"}', 'app.ts': APP })
      const env = { CELERY_BROKER_URL: broker.url, CELERY_RESULT_BACKEND: broker.backend }
      const words = ['-A', 'app', 'worker', '-E', '-l', 'info', '-P', pool, '-c', '2', '-n', `${pool}@box`]
      await using worker = new Command(words, { cwd: shop.folder, env })
      await worker.says(/ ready/)
      // Whoever listens hears of the worker before it is asked for anything.
      await until(() => events.some(({ hostname }) => hostname === `${pool}@box`), { timeoutMs: 20_000 })

      const gate = shop.path('gate')
      const result = await client.sendTask('photos.resize', { args: [gate], queue: 'photos' })
      const seen: Progress[] = []
      for await (const progress of result.progress()) {
        seen.push(progress)
        shop.write({ gate: 'open' })
      }
      expect(seen[0]).toMatchObject({
        state: 'PROGRESS',
        percent: 40,
        current: 0.4,
        total: 1,
        meta: { step: 'resize' },
      })
      expect(await result.get({ timeout: 20 })).toBe('done')
      for await (const _progress of result.progress()) throw new Error('it has ended')

      const of = (type: string) => events.filter((event) => event.type === type)
      await until(() => of('task-sent').some(({ name }) => name === 'photos.thumb'), { timeoutMs: 20_000 })
      await until(() => of('task-succeeded').length === 2, { timeoutMs: 20_000 })
      expect(of('photo-resized')).toMatchObject([
        { uuid: result.id, width: 200, by: 'task', hostname: `${pool}@box` },
      ])
      expect(of('task-progress')).toMatchObject([
        { uuid: result.id, percent: 40, meta: { step: 'resize' }, hostname: `${pool}@box` },
        { uuid: result.id, current: 2, total: 2, percent: 100 },
      ])
      expect(of('task-sent')).toMatchObject([
        {
          name: 'photos.thumb',
          args: '(20,)',
          parent_id: result.id,
          root_id: result.id,
          queue: 'photos',
          routing_key: 'photos',
          retries: 0,
        },
      ])

      const odd = await client.sendTask('photos.odd', { queue: 'photos' })
      await expect(odd.get({ timeout: 20 })).rejects.toThrow(/fields of odd/)
      const misnamed = await client.sendTask('photos.misnamed', { queue: 'photos' })
      await expect(misnamed.get({ timeout: 20 })).rejects.toThrow(/is not a valid event type/)
      worker.signal('SIGTERM')
      expect(await worker.exited).toBe(0)
    },
  )

  test('are told by producers, whoever listens, and lost by none that closes at once', async () => {
    const producer = new Lovage('producer', {
      broker: broker.url,
      backend: broker.backend,
      taskSendSentEvent: true,
      env: {},
    })
    await coreOf(client).broker()
    await until(async () => {
      client.events.send('ready-to-hear')
      await client.events.flush()
      return events.length > 0
    })
    const sent = await producer.sendTask('nobody.knows', {
      kwargs: { a: 1 },
      queue: 'nowhere',
      countdown: 60,
    })
    producer.events.send('order-paid', { amount: 12 })
    await producer.close()
    await until(() => events.some(({ type }) => type === 'order-paid'))
    expect(events.find(({ type }) => type === 'order-paid')).toMatchObject({
      amount: 12,
      pid: process.pid,
      hostname: expect.stringMatching(/^gen\d+@/),
    })
    await until(() => events.some(({ type }) => type === 'task-sent'))
    expect(events.find(({ type }) => type === 'task-sent')).toMatchObject({
      uuid: sent.id,
      name: 'nobody.knows',
      kwargs: "{'a': 1}",
      eta: expect.any(String),
      queue: 'nowhere',
    })
    expect(() => client.events.send('')).toThrow(TypeError)
    expect(() => client.events.send('odd', { fn: () => 1 })).toThrow(/fn/)
  })
})
