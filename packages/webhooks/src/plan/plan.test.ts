import { expect, test } from 'vitest'
import { attemptsOf, DEFAULT_SCHEDULE, type EndedAttempt, planNext } from './plan.js'
import { retryAfterMs } from './retry-after.js'

const NOW = Date.UTC(2026, 0, 1)
const failed: EndedAttempt = {
  number: 1,
  outcome: 'http',
  status: 500,
  retryAfter: null,
  permanentStatuses: [],
}
const plan = (attempt: Partial<EndedAttempt>, random = 0.5) => {
  const next = planNext({ ...failed, ...attempt }, DEFAULT_SCHEDULE, NOW, () => random)
  return { ...next, waitMs: next.nextAttemptAtMs === null ? null : next.nextAttemptAtMs - NOW }
}

test('a task tries three times again, then the sweeper nine times, then it is over', () => {
  const waits: (number | string | null)[] = []
  for (let number = 1; number <= attemptsOf(DEFAULT_SCHEDULE); number++) {
    const { state, waitMs } = plan({ number })
    waits.push(state === 'exhausted' ? state : `${state} ${(waitMs ?? 0) / 1000}`)
  }
  expect(waits).toEqual([
    'pending 10',
    'pending 20',
    'pending 40',
    'failed 5',
    'failed 300',
    'failed 1800',
    'failed 7200',
    'failed 18000',
    'failed 36000',
    'failed 50400',
    'failed 72000',
    'failed 86400',
    'exhausted',
  ])
})

test('waits are up to a fifth shorter or longer, and those of the task at most ten minutes', () => {
  expect(plan({ number: 1 }, 0).waitMs).toBe(8_000)
  expect(plan({ number: 1 }, 1).waitMs).toBe(12_000)
  const long = { ...DEFAULT_SCHEDULE, taskRetries: 20 }
  expect(planNext({ ...failed, number: 15 }, long, NOW, () => 1).nextAttemptAtMs).toBe(NOW + 600_000)
})

test('only 2xx arrives; 410 ends all; a status listed as permanent ends the delivery', () => {
  expect(plan({ outcome: 'success', status: 204 }).state).toBe('success')
  expect(plan({ status: 410 })).toMatchObject({ state: 'exhausted', isGone: true })
  expect(plan({ status: 400 }).state).toBe('pending')
  expect(plan({ status: 400, permanentStatuses: [400, 422] })).toMatchObject({
    state: 'exhausted',
    isGone: false,
  })
})

test('Retry-After is obeyed up to an hour and never shortens a wait; 429 and timeouts wait a minute', () => {
  expect(plan({ retryAfter: '120' }).waitMs).toBe(120_000)
  expect(plan({ retryAfter: '3' }).waitMs).toBe(10_000)
  expect(plan({ retryAfter: '86400' }).waitMs).toBe(3_600_000)
  expect(plan({ retryAfter: 'soon' }).waitMs).toBe(10_000)
  expect(plan({ status: 429 }).waitMs).toBe(60_000)
  expect(plan({ outcome: 'timeout', status: null }).waitMs).toBe(60_000)
  expect(plan({ status: 429, retryAfter: '90' }).waitMs).toBe(90_000)
  expect(plan({ number: 6, retryAfter: '10' }).waitMs).toBe(1_800_000)
})

test.each([
  ['0', 0],
  [' 12 ', 12_000],
  ['-1', null],
  ['1.5', null],
  ['Thu, 01 Jan 2026 00:02:00 GMT', 120_000],
  ['Thursday, 01-Jan-26 00:02:00 GMT', 120_000],
  ['Thu Jan  1 00:02:00 2026', 120_000],
  ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
  ['2026-01-01', null],
  ['', null],
])('Retry-After: %j', (text, ms) => {
  expect(retryAfterMs(text, NOW)).toBe(ms)
})
