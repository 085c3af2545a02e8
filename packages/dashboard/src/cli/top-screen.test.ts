import { expect, test } from 'vitest'
import type { Overview } from '../data/overview.js'
import type { PageData } from '../data/page-frame.js'
import { spark, topScreen } from './top-screen.js'

const frame = {
  fleet: 'main',
  fleets: ['main'],
  nowMs: Date.parse('2026-11-29T12:00:00Z'),
  troubles: [],
  gaps: [],
  readOnly: false,
}
const queue = { name: 'mail', ready: 12, delayed: null, unacked: 3, dead: 1, isPaused: true, consumers: 0 }
const overview: PageData<Overview> = {
  ...frame,
  data: {
    stuck: [
      {
        severity: 'critical',
        message: '12 tasks wait in mail\u001b[31m.',
        at: { page: 'queue', of: 'mail' },
      },
    ],
    queues: { count: 1, ready: 12, delayed: null, unacked: 3, dead: 1, top: [queue] },
    workers: { alive: 1, lost: ['w2@box'], active: 4 },
    throughput: [
      { ms: 0, received: 9, succeeded: 8, failed: 1, retried: 0, meanRuntime: 0.5 },
      { ms: 60_000, received: 0, succeeded: 0, failed: 0, retried: 0, meanRuntime: null },
    ],
    failures: [],
    names: [{ name: 'mail.send', succeeded: 8, failed: 1, meanRuntime: 0.5 }],
  },
}

test('the terminal says in its first lines whether anything is stuck, and commands nothing', () => {
  const lines = topScreen(overview, { ...frame, data: { items: [] } }, { rows: 50, columns: 100 })
  expect(lines.slice(0, 5)).toEqual([
    'main  2026-11-29T12:00:00Z  workers 1 alive, 1 lost, 4 tasks run',
    'queues 1: 12 ready, ? delayed, 3 held, 1 dead',
    'last minute: 9 received, 8 succeeded, 1 failed, 0 retried',
    'succeeded █▁  failed █▁',
    '!! 12 tasks wait in mail·[31m.',
  ])
  expect(lines).toContain(`${'mail (paused)'.padEnd(30)}        12         ?         3         1         0`)
})

test('no more is drawn than there is room for', () => {
  const lines = topScreen(overview, { ...frame, data: { items: [] } }, { rows: 4, columns: 20 })
  expect(lines.map((line) => line.length)).toEqual([20, 20, 20])
})

test('bars are as high as their values', () => {
  expect(spark([0, 1, 2, 7])).toBe('▁▂▃█')
  expect(spark([0, 0])).toBe('▁▁')
})
