import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Event } from '../events/index.js'
import { ClusterState } from './cluster-state.js'

const NOW = 1_800_000_000_000
let clock = 0
const event = (type: string, fields: Readonly<Record<string, unknown>> = {}): Event => ({
  type,
  hostname: 'w1@box',
  pid: 7,
  clock: ++clock,
  timestamp: NOW / 1000 + clock,
  ...fields,
})
const fed = (...events: readonly Event[]): ClusterState => {
  const state = new ClusterState()
  for (const one of events) state.add(one, NOW)
  return state
}

describe('tasks', () => {
  test('go from sent to their end, and keep what each event said', () => {
    const uuid = 'a'
    const state = fed(
      event('task-sent', { uuid, name: 'mail.send', queue: 'mail', hostname: 'gen1@box', pid: 1 }),
      event('task-received', { uuid, name: 'mail.send', args: "('ada',)", kwargs: '{}', retries: 0 }),
      event('task-started', { uuid }),
      event('task-progress', { uuid, percent: 40 }),
    )
    expect(state.task('a')).toMatchObject({ state: 'PROGRESS', percent: 40 })
    state.add(event('task-succeeded', { uuid, result: '3', runtime: 0.5 }), NOW)
    expect(state.task('a')).toMatchObject({
      id: 'a',
      name: 'mail.send',
      state: 'SUCCESS',
      worker: 'w1@box',
      client: 'gen1@box',
      args: "('ada',)",
      queue: 'mail',
      result: '3',
      runtime: 0.5,
      exception: undefined,
      times: { sent: expect.any(Number), received: expect.any(Number), succeeded: expect.any(Number) },
    })
    expect(state.counts()).toEqual({ SUCCESS: 1 })
    expect(state.task('b')).toBeUndefined()
  })

  test('are the same in whatever order the events of their worker come', () => {
    const uuid = 'a'
    const events = [
      event('task-received', { uuid, name: 'n', args: '()', retries: 0 }),
      event('task-started', { uuid }),
      event('task-retried', { uuid, exception: 'E()' }),
      event('task-received', { uuid, name: 'n', args: '()', retries: 1 }),
      event('task-started', { uuid }),
      event('task-failed', { uuid, exception: 'E()', traceback: 'at' }),
    ]
    fc.assert(
      fc.property(fc.shuffledSubarray(events, { minLength: events.length }), (shuffled) => {
        expect(fed(...shuffled).task('a')).toMatchObject({
          state: 'FAILURE',
          name: 'n',
          args: '()',
          exception: 'E()',
          traceback: 'at',
        })
      }),
    )
  })

  test('are not taken back by an event of another process that comes late, and go on after a retry', () => {
    const uuid = 'a'
    const other = { uuid, hostname: 'w2@box' }
    const state = fed(event('task-succeeded', { uuid }), event('task-started', other))
    expect(state.task('a')).toMatchObject({ state: 'SUCCESS', worker: 'w1@box' })
    state.add(event('task-received', { ...other, name: 'n' }), NOW)
    expect(state.task('a')).toMatchObject({ state: 'SUCCESS', name: 'n' })
    const retried = fed(
      event('task-retried', { uuid: 'b' }),
      event('task-received', { ...other, uuid: 'b', retries: 1 }),
    )
    expect(retried.task('b')).toMatchObject({ state: 'RECEIVED', worker: 'w2@box', retries: 1 })
  })

  test('are chosen by state, name and node, the newest first', () => {
    const state = fed(
      event('task-started', { uuid: 'a', name: 'x' }),
      event('task-started', { uuid: 'b', name: 'y', hostname: 'w2@box' }),
      event('task-failed', { uuid: 'c', name: 'x' }),
    )
    const ids = (...choice: Parameters<typeof state.tasks>) => state.tasks(...choice).map(({ id }) => id)
    expect(ids()).toEqual(['c', 'b', 'a'])
    expect(ids({ limit: 2 })).toEqual(['c', 'b'])
    expect(ids({ state: 'STARTED' })).toEqual(['b', 'a'])
    expect(ids({ name: 'x', worker: 'w1@box' })).toEqual(['c', 'a'])
    state.clearTasks()
    expect(ids()).toEqual([])
  })
})

describe('nodes', () => {
  test('live while they are heard of within two heartbeats, and are forgotten at last', () => {
    const state = fed(
      event('worker-online', { freq: 2, active: 1, processed: 9, sw_ident: 'py-celery', sw_ver: '5.6.3' }),
    )
    expect(state.workers(NOW)).toEqual([
      {
        hostname: 'w1@box',
        isAlive: true,
        hasLeft: false,
        seenMs: NOW,
        freq: 2,
        active: 1,
        processed: 9,
        loadavg: [],
        pid: 7,
        software: 'py-celery 5.6.3',
      },
    ])
    const isAlive = (ms: number) => state.workers(NOW + ms).map((worker) => worker.isAlive)
    expect(isAlive(3999)).toEqual([true])
    expect(isAlive(4000)).toEqual([false])
    state.add(event('worker-heartbeat', { freq: 2 }), NOW + 5000)
    expect(isAlive(8000)).toEqual([true])
    state.add(event('worker-offline'), NOW + 8000)
    expect(isAlive(8000)).toEqual([false])
    expect(isAlive(3_700_000)).toEqual([])
  })
})

describe('whatever is sent', () => {
  test('no more is remembered than the bounds say, those last heard of', () => {
    const state = new ClusterState({ maxTasks: 100, maxWorkers: 10 })
    for (let n = 0; n < 5000; n++) {
      state.add(event('task-received', { uuid: `t${n}`, args: 'x'.repeat(100_000) }), NOW)
      state.add(event('worker-heartbeat', { hostname: `w${n}@box`, freq: 1e300 }), NOW)
    }
    expect(state.tasks()).toHaveLength(100)
    expect(state.tasks()[0]).toMatchObject({ id: 't4999', args: expect.stringMatching(/^x{1023}…$/) })
    expect(state.workers(NOW)).toHaveLength(10)
    expect(state.workers(NOW + 3_600_000).every(({ isAlive }) => isAlive)).toBe(true)
    expect(state.workers(NOW + 7_200_001)).toEqual([])
  })

  test.each([
    ['no node', { hostname: '' }],
    ['a node of a thousand characters', { hostname: 'x'.repeat(1000) }],
    ['no id', { uuid: undefined }],
    ['an id that is a list', { uuid: ['a'] }],
    ['an endless id', { uuid: 'x'.repeat(100_000) }],
    ['no time', { timestamp: Number.NaN }],
    ['an endless type', { type: `task-${'x'.repeat(1000)}` }],
    ['another kind of event', { type: 'order-paid' }],
    ['an election', { type: 'worker-elect' }],
  ])('an event with %s is passed over', (_what, fields) => {
    const state = new ClusterState()
    expect(state.add(event('task-started', { uuid: 'a', ...fields }), NOW)).toBe(false)
    expect(state.tasks()).toEqual([])
    expect(state.workers(NOW)).toEqual([])
  })

  test('fields of the wrong type are left out or shown, and names of objects’ own are names', () => {
    const state = fed(
      event('task-received', { uuid: '__proto__', name: {}, args: ['a', { b: 1n }], kwargs: { c: null } }),
      event('task-failed', {
        uuid: '__proto__',
        runtime: 'long',
        retries: {},
        traceback: 'x\n'.repeat(99_999),
      }),
      event('task-__proto__', { uuid: 'b' }),
      event('worker-heartbeat', { hostname: 'constructor', freq: -1, loadavg: 'high', active: [], pid: {} }),
    )
    const task = state.task('__proto__')
    expect(task).toMatchObject({ name: undefined, args: "['a', {'b': 1}]", kwargs: "{'c': None}" })
    expect(task?.runtime).toBeUndefined()
    expect(task?.traceback?.length).toBeLessThan(16_400)
    expect(state.task('b')?.state).toBe('__PROTO__')
    expect(state.workers(NOW)).toMatchObject([{ hostname: 'constructor', freq: 2, active: 0, loadavg: [] }])
    expect(({} as Record<string, unknown>).received).toBeUndefined()
  })
})
