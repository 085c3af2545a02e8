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

test('the time in the queue is counted from the sending, or from the time that an ETA asked for', async () => {
  const metrics = new EventMetrics()
  const at = (timestamp: number, type: string, fields: object): void =>
    metrics.add({ type, hostname: 'w@box', timestamp, ...fields }, timestamp * 1000)
  at(1_000_000, 'task-sent', { uuid: 'a', name: 'mail', queue: 'celery' })
  at(1_000_002, 'task-started', { uuid: 'a' })
  const eta = new Date(1_000_060_000).toISOString()
  at(1_000_000, 'task-sent', { uuid: 'b', name: 'mail', queue: 'celery', eta })
  at(1_000_063, 'task-started', { uuid: 'b' })
  // Clocks differ; and without a `task-sent` event the send time is unknown.
  at(1_000_010, 'task-sent', { uuid: 'c', name: 'mail', queue: 'celery' })
  at(1_000_009, 'task-started', { uuid: 'c' })
  at(1_000_020, 'task-received', { uuid: 'd', name: 'mail' })
  at(1_000_030, 'task-started', { uuid: 'd' })
  const text = await metrics.registry.metrics()
  const labels = 'name="mail",hostname="box",queue_name="celery"'
  expect(text).toContain(`celery_task_queue_wait_time_count{${labels}} 3`)
  expect(text).toContain(`celery_task_queue_wait_time_sum{${labels}} 5`)
  expect(text).toContain(`celery_task_queue_wait_time_bucket{le="2.5",${labels}} 2`)
})
