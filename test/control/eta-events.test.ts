import type { Event } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { FLEET_BROKERS } from './brokers.js'

test.each(FLEET_BROKERS)(
  'a task with a time is told of as received when it is put aside, once, on $name',
  async ({ start }) => {
    const broker = await start()
    const app = createTestApp('eta', {
      broker: broker.url,
      backend: broker.backend,
      workerSendTaskEvents: true,
    })
    const later = app.task({ name: 'later', run: () => 'done' })
    const events: Event[] = []
    const end = await app.events.listen({ onEvents: (heard) => events.push(...heard) })
    {
      await using _worker = await startTestWorker(app, { hostname: 'ts@box' })
      const eta = new Date(Date.now() + 4000)
      const result = await later.applyAsync([], { eta })
      const mine = () => events.filter(({ uuid }) => uuid === result.id).map(({ type }) => type)
      await until(() => mine().length > 0, { timeoutMs: 20_000 })
      expect(mine()).toEqual(['task-received'])
      expect(Date.now()).toBeLessThan(eta.getTime())
      expect(events.find(({ uuid }) => uuid === result.id)).toMatchObject({
        name: 'later',
        eta: eta.toISOString().replace('Z', '000+00:00'),
      })
      expect(await result.get({ timeout: 30 })).toBe('done')
      await until(() => mine().includes('task-succeeded'), { timeoutMs: 20_000 })
      expect(mine()).toEqual(['task-received', 'task-started', 'task-succeeded'])
    }
    end()
    await app.close()
    await broker.stop()
  },
  90_000,
)
