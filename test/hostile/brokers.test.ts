import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { decodeJson, type OutgoingMessage } from '../../packages/lovage/src/message/index.js'
import { EventMetrics } from '../../packages/lovage/src/metrics/index.js'
import { everyStore, silent } from '../every-store.js'
import { type RabbitServer, startRabbit } from '../servers.js'
import { hostileMessages } from './hostile.mjs'

// Machines are busy with other tests.
vi.setConfig({ testTimeout: 120_000 })

const seed = Number(process.env.LOVAGE_SEED ?? Date.now() % 2 ** 31)
const HOSTILE = 600
const HONEST = 60
const parse = (text: string): unknown => decodeJson(text, { integers: 'bigint' })

let rabbit: RabbitServer
beforeAll(async () => {
  rabbit = await startRabbit()
})
afterAll(() => rabbit?.stop())

describe.each([...everyStore('hostile'), ['RabbitMQ', () => rabbit.url()] as const])(
  'on %s',
  (name, freshUrl) => {
    test(`${HOSTILE} hostile messages among ${HONEST} honest ones stop nobody (seed ${seed})`, async () => {
      const url = await freshUrl()
      const errors: string[] = []
      const logger = {
        ...silent,
        error: (_: object, text: string) => void errors.push(text),
        child: () => logger,
      }
      const backend = name === 'RabbitMQ' ? { backend: 'memory://hostile' } : {}
      const settings = {
        broker: url,
        ...backend,
        taskDefaultQueue: 'work',
        workerSendTaskEvents: true,
        logger,
      }
      const app = createTestApp('hostile', settings)
      const honest = app.task({ name: 'honest.task', run: (_ctx, n: number) => n })
      app.task({ name: 'hostile.task', run: () => 'ran' })
      app.task({ name: 'hostile.next', run: () => 'ran' })
      const worker = await startTestWorker(app, { hostname: 'w@box', concurrency: 4 })
      await using cluster = await app.events.cluster()
      const metrics = new EventMetrics()
      let heard = 0
      const end = await app.events.listen({
        onEvents: (events) => {
          heard += events.length
          for (const event of events) metrics.add(event, Date.now())
        },
      })
      const broker = await coreOf(app).broker()
      const messages = hostileMessages(seed, {
        queue: 'work',
        isEnvelope: !/memory|RabbitMQ/.test(name),
        parse,
      })
      let unsendable = 0
      const send = ({ message, kind }: { readonly message: OutgoingMessage; readonly kind: string }) =>
        (kind === 'request' || kind === 'event'
          ? broker.broadcast(message)
          : broker.publish([message])
        ).catch(() => void unsendable++)
      const results = []
      for (let sent = 0; sent < HOSTILE; sent++) {
        const next = messages.next()
        if (!next.done) await send(next.value)
        if (sent % (HOSTILE / HONEST) === 0) results.push(await honest.delay(sent))
      }
      const values = await Promise.all(results.map((result) => result.get({ timeout: 60 })))
      expect(values).toEqual(Array.from({ length: HONEST }, (_, n) => (n * HOSTILE) / HONEST))
      expect(unsendable, 'messages that our own driver refuses to write').toBeLessThan(HOSTILE / 3)

      // The queue empties: what cannot be read is a letter, alone; what can has run, or waits for its time.
      await until(async () => (await broker.depths(['work'])).get('work')?.ready === 0, { timeoutMs: 60_000 })
      await until(() => worker.active.length + worker.reserved.length === 0, { timeoutMs: 60_000 })
      const letters = await app.deadLetters.list({ limit: 1000 })
      expect(letters.items.length).toBeGreaterThan(20)
      if (broker.capabilities.browsing) await app.queues.list('work', { limit: 1000 })
      // Whoever listens still hears.
      const before = heard
      expect(await honest.delay(1).then((result) => result.get({ timeout: 30 }))).toBe(1)
      await until(() => heard > before, { timeoutMs: 30_000 })
      expect(await app.control.ping({ destination: 'w@box', timeout: 30 })).toEqual({
        'w@box': { ok: 'pong' },
      })
      expect(cluster.workers.map(({ hostname }) => hostname)).toContain('w@box')
      expect(await metrics.registry.metrics()).not.toMatch(/Nan|NaN|Infinity/)
      // Nothing was caught that should not have come so far.
      expect(errors.filter((text) => /listener|process a message|could not answer/.test(text))).toEqual([])
      end()
      await worker.stop()
      await app.close()
    })
  },
)
