import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Clock, LogicalClock, silentLogger, systemClock } from '../kernel/index.js'
import { EventDispatcher } from './dispatcher.js'
import type { Event } from './event.js'

let nowMs = 0
beforeEach(() => {
  nowMs = 1000
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
})
afterEach(() => {
  vi.restoreAllMocks()
})

function make(heardBy: () => Promise<number | undefined>, clock: Clock = systemClock) {
  const messages: { readonly key: string; readonly events: readonly Event[] }[] = []
  const dispatcher = new EventDispatcher(
    {
      hostname: 'w"1@box',
      clock,
      logicalClock: new LogicalClock(),
      logger: silentLogger,
      broadcast: async ({ body, routingKey }) => {
        messages.push({ key: routingKey, events: [JSON.parse(String(body))].flat() })
        return heardBy()
      },
    },
    true,
  )
  return {
    dispatcher,
    messages,
    types: () => messages.flatMap(({ events }) => events.map(({ type }) => type)),
  }
}

test('task events of one turn share a message, those of one’s own travel alone, and the order stays', async () => {
  const { dispatcher, messages } = make(async () => undefined)
  dispatcher.task('task-received', { uuid: 'a', args: '("x",)', eta: null, none: undefined, retries: 0 })
  dispatcher.task('task-started', { uuid: 'a' })
  dispatcher.own('photo-resized', {
    uuid: 'a',
    by: { deep: [1, null] },
    type: 'forged',
    hostname: 'forged',
    pid: 0,
  })
  dispatcher.task('task-succeeded', { uuid: 'a', runtime: 0.5 })
  await dispatcher.flush()
  expect(messages.map(({ key, events }) => [key, events.length])).toEqual([
    ['task.multi', 2],
    ['photo.resized', 1],
    ['task.multi', 1],
  ])
  const events = messages.flatMap((message) => message.events)
  expect(events[0]).toEqual({
    type: 'task-received',
    hostname: 'w"1@box',
    pid: process.pid,
    clock: 1,
    timestamp: expect.any(Number),
    uuid: 'a',
    args: '("x",)',
    eta: null,
    retries: 0,
  })
  expect(events[2]).toMatchObject({
    type: 'photo-resized',
    hostname: 'w"1@box',
    pid: process.pid,
    by: { deep: [1, null] },
  })
  expect(() => dispatcher.own('odd', { fn: () => 1 })).toThrow(/fn/)
})

test('while nobody hears, tasks are not told of, until somebody asks or begins to listen', async () => {
  let listeners = 0
  const { dispatcher, types } = make(async () => listeners)
  dispatcher.task('task-started', { uuid: 'a' })
  await dispatcher.flush()
  expect(dispatcher.hearsTasks).toBe(false)
  dispatcher.task('task-started', { uuid: 'b' })
  dispatcher.own('order-paid', {})
  await dispatcher.flush()
  expect(types()).toEqual(['task-started', 'order-paid'])
  dispatcher.attend()
  expect(dispatcher.hearsTasks).toBe(true)
  dispatcher.task('task-started', { uuid: 'c' })
  await dispatcher.flush()
  // A client that sent a request is about to listen.
  expect(dispatcher.hearsTasks).toBe(true)
  expect(types()).toHaveLength(3)

  const other = make(async () => listeners)
  other.dispatcher.task('task-started', { uuid: 'a' })
  await other.dispatcher.flush()
  listeners = 1
  expect(other.dispatcher.hearsTasks).toBe(false)
  nowMs += 100
  other.dispatcher.task('task-started', { uuid: 'b' })
  await other.dispatcher.flush()
  expect(other.dispatcher.hearsTasks).toBe(true)
  expect(other.types()).toHaveLength(2)
})

test('what nobody can take is dropped and counted, and the teller goes on', async () => {
  const { dispatcher } = make(async () => {
    throw new Error('away')
  })
  for (let n = 0; n < 10; n++) dispatcher.task('task-started', { uuid: `${n}` })
  await dispatcher.flush()
  expect(dispatcher.dropped).toBe(10)
  for (let n = 0; n < 10_007; n++) dispatcher.task('task-started', { uuid: `${n}` })
  expect(dispatcher.dropped).toBe(17)
  dispatcher.sendsTaskEvents = false
  dispatcher.task('task-started', { uuid: 'x' })
  await dispatcher.flush()
})

test('a burst of one turn is told whole, and what an absent broker could not take is said with its number', async () => {
  let isThere = true
  const warnings: string[] = []
  let heard = 0
  const dispatcher = new EventDispatcher(
    {
      hostname: 'shop@box',
      clock: systemClock,
      logicalClock: new LogicalClock(),
      logger: { ...silentLogger, warn: (_fields, text) => void warnings.push(text) },
      broadcast: async ({ body }) => {
        if (!isThere) throw new Error('away')
        heard += JSON.parse(String(body)).length
        return undefined
      },
    },
    true,
  )
  const burst = (count: number): void => {
    for (let n = 0; n < count; n++) dispatcher.task('task-sent', { uuid: String(n) })
  }
  burst(20_000)
  await dispatcher.flush()
  expect([heard, dispatcher.dropped, warnings]).toEqual([20_000, 0, []])
  isThere = false
  burst(12_000)
  await dispatcher.flush()
  // Those that were on their way, and the oldest of those that waited.
  expect(dispatcher.dropped).toBe(2_000)
  expect(warnings).toEqual([
    expect.stringMatching(/^\d+ events were dropped: the broker did not accept them$/),
  ])
  isThere = true
  await dispatcher.flush()
  expect([heard, dispatcher.dropped]).toEqual([30_000, 2_000])
})

test.each([
  // Clocks go from 2:00 to 3:00, and back from 3:00 to 2:00.
  ['Europe/Berlin', '2026-03-29T01:00:00Z', -1, -2],
  ['Europe/Berlin', '2026-10-25T01:00:00Z', -2, -1],
  ['America/New_York', '2026-11-01T06:00:00Z', 4, 5],
  // Half an hour is rounded away from it, in Python too.
  ['Asia/Kolkata', '2026-03-29T01:00:00Z', -6, -6],
  ['Australia/Lord_Howe', '2026-04-04T15:00:00Z', -11, -11],
])(
  'the zone of workers in %s follows the clock at %s; their times do not change',
  async (zone, change, before, after) => {
    const old = process.env.TZ
    process.env.TZ = zone
    const atMs = Date.parse(change)
    let clockMs = atMs - 1000
    try {
      const { dispatcher, messages } = make(async () => undefined, { ...systemClock, now: () => clockMs })
      await dispatcher.worker('worker-heartbeat', {})
      clockMs = atMs + 1000
      await dispatcher.worker('worker-heartbeat', {})
      expect(messages.flatMap(({ events }) => events.map((one) => [one.utcoffset, one.timestamp]))).toEqual([
        [before, atMs / 1000 - 1],
        [after, atMs / 1000 + 1],
      ])
    } finally {
      if (old === undefined) delete process.env.TZ
      else process.env.TZ = old
    }
  },
)
