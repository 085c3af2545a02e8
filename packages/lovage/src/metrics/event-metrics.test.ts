import { expect, test } from 'vitest'
import { EVENTS, messageOf, wrongInOnePlace } from '../../../../test/hostile/hostile.mjs'
import { decodeEvents, type Event } from '../events/index.js'
import { EventMetrics } from './index.js'

const honest = (fields: object): Event => ({
  type: 'task-received',
  hostname: 'w@box',
  timestamp: 1,
  ...fields,
})

test('events of wrong types keep nothing else from being counted, and leave no sum infinite', async () => {
  const metrics = new EventMetrics()
  const nowMs = 1000
  for (const event of EVENTS)
    for (const text of wrongInOnePlace(event)) {
      const events = decodeEvents(messageOf(text))
      if (events instanceof Error) expect(events.name).toBe('MessageError')
      else for (const one of events) metrics.add(one, nowMs)
    }
  const name = 'shop.pay'
  for (let n = 0; n < 3; n++) {
    const uuid = `honest-${n}`
    metrics.add(honest({ uuid, name }), nowMs)
    metrics.add(honest({ type: 'task-succeeded', uuid, runtime: 0.5 }), nowMs)
  }
  metrics.refresh(nowMs)
  const text = await metrics.registry.metrics()
  const labels = 'name="shop.pay",hostname="box",queue_name="celery"'
  expect(text).toContain(`celery_task_received_total{${labels}} 3`)
  expect(text).toContain(`celery_task_runtime_sum{${labels}} 1.5`)
  const values = [...text.matchAll(/^[a-z_]+(?:\{.*\})? (\S+)$/gm)].map(([, value]) => Number(value))
  expect(values.length).toBeGreaterThan(50)
  expect(values.filter((value) => !(value >= 0 && value <= 1e12))).toEqual([])
})
