import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pythonCelery, type RedisServer, runPython, startRedis } from '../servers.js'

/** Zones of monitors; of workers, one on each side of Greenwich and one of half an hour. */
const MONITORS = ['UTC', 'America/New_York', 'Asia/Kolkata', 'Asia/Tokyo']
const WORKERS = ['UTC', 'America/New_York', 'Asia/Kolkata']

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
state, seen = State(), {'ts': {}, 'py': {}}
app = Celery(broker='${broker}')
with app.connection() as connection:
    def on(event):
        state.event(event)
        mine = seen['ts' if event['hostname'] == 'ts@box' else 'py']
        if event['type'] == 'worker-heartbeat':
            mine['exporter'] = event['timestamp'] + ((event.get('utcoffset') or 0) - utcoffset()) * 3600
            mine['isAlive'] = state.workers[event['hostname']].alive
            mine['hoursWest'] = event['utcoffset']
        elif event['type'] == 'task-succeeded':
            task = state.tasks[event['uuid']]
            mine['flower'] = [task.received, task.started, task.succeeded]
        if all(len(one) == 4 for one in seen.values()):
            receiver.should_stop = True
    receiver = app.events.Receiver(connection, handlers={'*': on})
    receiver.capture(limit=None, timeout=None, wakeup=False)
print(json.dumps({**seen, 'hoursWest': utcoffset()}))
`

describe('events of workers in either language, as monitors in any zone read them', () => {
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
          jsonTypes: 'plain',
        })
        const add = app.task({ name: 'add', run: (_ctx, x: number, y: number) => x + y })
        await using _worker = await startTestWorker(app, { hostname: 'ts@box' })
        await using _python = await pythonCelery({
          broker: redis.url,
          backend: redis.url,
          env: { TZ: zone },
          source: `
            @app.task(name='py.add')
            def add(x, y):
                return x + y`,
          args: ['-P', 'solo', '-E', '-Q', 'py', '--without-gossip'],
        })
        const answers = MONITORS.map((one) => runPython(monitor(one, redis.url)))
        let isOver = false
        const all = Promise.all(answers).finally(() => {
          isOver = true
        })
        // Until each of them has begun to listen.
        await until(
          async () => {
            if (isOver) return true
            await (await add.delay(1, 2)).get({ timeout: 20 })
            await (await app.sendTask('py.add', { args: [1, 2], queue: 'py' })).get({ timeout: 20 })
            await new Promise((resolve) => setTimeout(resolve, 300))
            return isOver
          },
          { timeoutMs: 60_000 },
        )
        const nowS = Date.now() / 1000
        for (const [index, text] of (await all).entries()) {
          const { ts, py, hoursWest } = JSON.parse(text)
          const offHours = (time: number): number => Math.round((time - nowS) / 3600) + 0
          const monitor = MONITORS[index]
          expect([monitor, ts.isAlive, py.isAlive]).toEqual([monitor, true, true])
          expect([monitor, offHours(ts.exporter), offHours(py.exporter)]).toEqual([monitor, 0, 0])
          expect([monitor, ...ts.flower.map(offHours)]).toEqual([monitor, 0, 0, 0])
          // Ours say in which zone they are as Python's do; Python's tasks are off by the difference of the zones.
          expect([monitor, ts.hoursWest]).toEqual([monitor, py.hoursWest])
          const off = hoursWest - py.hoursWest
          expect([monitor, ...py.flower.map(offHours)]).toEqual([monitor, off, off, off])
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
