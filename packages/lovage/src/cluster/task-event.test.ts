import { expect, test } from 'vitest'
import type { Event } from '../events/index.js'
import { isLate, readTaskEvent } from './task-event.js'

const event = (fields: Readonly<Record<string, unknown>>): Event => ({
  type: 'task-received',
  hostname: 'w1@box',
  pid: 7,
  clock: 3,
  timestamp: 1_800_000_000.5,
  uuid: 'a',
  ...fields,
})

test('an event of a task says who told it, when, and what of the task, bounded', () => {
  expect(readTaskEvent(event({ name: 'n', args: 'x'.repeat(9999), retries: 1, junk: {} }))).toEqual({
    id: 'a',
    kind: 'received',
    state: 'RECEIVED',
    ms: 1_800_000_000_500,
    process: 'w1@box 7',
    clock: 3,
    facts: { worker: 'w1@box', name: 'n', args: `${'x'.repeat(1023)}…`, retries: 1 },
  })
  expect(readTaskEvent(event({ type: 'task-sent' }))?.facts).toEqual({ client: 'w1@box' })
  expect(readTaskEvent(event({ type: 'task-progress', percent: 40 }))).toMatchObject({ state: 'PROGRESS' })
})

test.each([
  ['of a worker', { type: 'worker-heartbeat' }],
  ['without an id', { uuid: undefined }],
  ['without a node', { hostname: '' }],
  ['without a time', { timestamp: Number.NaN }],
  ['with an endless type', { type: `task-${'x'.repeat(200)}` }],
])('an event %s is none of a task', (_what, fields) => {
  expect(readTaskEvent(event(fields))).toBeUndefined()
})

test('of one process the clock decides, of several the usual order of states, except around a retry', () => {
  const told = (state: string, process: string, clock: number) => ({ state, process, clock })
  expect(isLate(undefined, told('PENDING', 'a', 1))).toBe(false)
  expect(isLate(told('FAILURE', 'a', 9), told('STARTED', 'a', 8))).toBe(true)
  expect(isLate(told('FAILURE', 'a', 9), told('STARTED', 'a', 10))).toBe(false)
  expect(isLate(told('SUCCESS', 'a', 9), told('STARTED', 'a', 10))).toBe(true)
  expect(isLate(told('SUCCESS', 'a', 9), told('STARTED', 'b', 99))).toBe(true)
  expect(isLate(told('RETRY', 'a', 9), told('RECEIVED', 'b', 1))).toBe(false)
})
