import { expect, test } from 'vitest'
import { QueueWindows } from './queue-windows.js'

const queues = Array.from({ length: 200 }, (_, place) => `q${place}`)

test('a busy consumer looks where the last messages were, then at those behind, then at all again', () => {
  const windows = new QueueWindows(queues)
  expect(windows.next(1000)).toBe(windows.all)
  windows.filled('q40')
  const first = windows.next(1001)
  expect(first).toEqual(queues.slice(32, 96))
  expect(windows.emptied(first)).toBe(true)
  const second = windows.next(1002)
  expect(second).toEqual(queues.slice(96, 160))
  windows.filled('q199')
  const last = windows.next(1003)
  expect(last).toEqual(queues.slice(192))
  expect(windows.emptied(last)).toBe(true)
  expect(windows.next(1004)).toBe(windows.all)
  expect(windows.emptied(windows.all)).toBe(false)
})

test('where queues cost, full claims name eight of them, and twice as many each time that they do not', () => {
  const windows = new QueueWindows(queues, 8)
  windows.next(1000)
  for (let claims = 0; claims < 5; claims++) windows.filled('q41')
  const few = windows.next(1001)
  expect(few).toEqual(queues.slice(40, 48))
  windows.emptied(few)
  const more = windows.next(1002)
  expect(more).toEqual(queues.slice(48, 64))
  windows.emptied(more)
  expect(windows.next(1003)).toEqual(queues.slice(64, 96))
})

test('the first queues keep their rank: all are looked at every 50 ms', () => {
  const windows = new QueueWindows(queues)
  windows.next(1000)
  windows.filled('q150')
  expect(windows.next(1049)).toEqual(queues.slice(128, 192))
  expect(windows.next(1050)).toBe(windows.all)
})

test('few queues, and queues of its own choice, are no windows', () => {
  const few = new QueueWindows(queues.slice(0, 64))
  few.filled('q63')
  expect(few.next(1)).toBe(few.all)
  const windows = new QueueWindows(queues)
  expect(windows.emptied(['q5'])).toBe(false)
})
