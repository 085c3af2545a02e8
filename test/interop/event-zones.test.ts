import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RedisServer, runPython, startRedis } from '../servers.js'

/** Zones of monitors; of workers, one on each side of Greenwich and one of half an hour. */
const MONITORS = ['UTC', 'America/New_York', 'Asia/Kolkata', 'Asia/Tokyo']
const WORKERS = ['UTC', 'America/Los_Angeles', 'Asia/Kolkata']

/**
 * What Celery's receiver makes of events in a zone, and what celery-exporter makes of that: it takes the receiver's move back, and a worker
 * that it has then not seen for five minutes loses its numbers.
 */
const monitor = (zone: string, broker: string): string => `
import json, os, time
os.environ['TZ'] = '${zone}'
time.tzset()
from celery import Celery
from celery.events.state import State
from celery.utils.time import utcoffset
state, seen = State(), {}
app = Celery(broker='${broker}')
with app.connection() as connection:
    def on(event):
        state.event(event)
        if event['type'] == 'worker-heartbeat':
            seen['exporter'] = event['timestamp'] + ((event.get('utcoffset') or 0) - utcoffset()) * 3600
            seen['isAlive'] = state.workers[event['hostname']].alive
        elif event['type'] == 'task-succeeded':
            task = state.tasks[event['uuid']]
            seen['flower'] = [task.received, task.started, task.succeeded]
        if len(seen) == 3:
            receiver.should_stop = True
    receiver = app.events.Receiver(connection, handlers={'*': on})
    receiver.capture(limit=None, timeout=None, wakeup=False)
print(json.dumps(seen))
`

describe('events of our workers, as monitors in any zone read them', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis?.stop())

  test.each(WORKERS)(
    'from a worker in %s',
    async (zone) => {
      const before = process.env.TZ
      process.env.TZ = zone
      try {
        const app = createTestApp('zones', {
          broker: redis.url,
          backend: redis.url,
          workerSendTaskEvents: true,
        })
        const add = app.task({ name: 'add', run: (_ctx, x: number, y: number) => x + y })
        await using _worker = await startTestWorker(app, { hostname: 'ts@box' })
        const answers = MONITORS.map((one) => runPython(monitor(one, redis.url)))
        let isOver = false
        const all = Promise.all(answers).finally(() => {
          isOver = true
        })
        // Until each of them has begun to listen.
        await until(
          async () => {
            if (!isOver) await (await add.delay(1, 2)).get({ timeout: 20 })
            await new Promise((resolve) => setTimeout(resolve, 300))
            return isOver
          },
          { timeoutMs: 60_000 },
        )
        const nowS = Date.now() / 1000
        for (const [index, text] of (await all).entries()) {
          const { exporter, isAlive, flower } = JSON.parse(text)
          for (const time of [exporter, ...flower])
            expect([MONITORS[index], Math.abs(time - nowS) < 120]).toEqual([MONITORS[index], true])
          expect([MONITORS[index], isAlive]).toEqual([MONITORS[index], true])
        }
        await app.close()
      } finally {
        if (before === undefined) delete process.env.TZ
        else process.env.TZ = before
      }
    },
    120_000,
  )
})
