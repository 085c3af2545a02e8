import { describe, expect, test } from 'vitest'
import type { TaskHeaders } from '../message/index.js'
import { type AdmissionState, admit } from './admit.js'

const nowMs = Date.parse('2026-11-20T12:00:00Z')
const state: AdmissionState = {
  nowMs,
  isRegistered: (task) => task === 'known',
  isRevoked: ({ id }) => id === 'revoked',
}
// Admission looks only at these headers.
const headers = (more: Partial<TaskHeaders>): TaskHeaders =>
  ({ id: 'i', task: 'known', eta: null, expires: null, ...more }) as TaskHeaders

describe('admission', () => {
  test.each([
    ['a plain message', {}, { kind: 'run' }],
    ['an ETA that has passed', { eta: '2026-11-20T11:59:59.999999+00:00' }, { kind: 'run' }],
    [
      'an ETA to come, in another offset',
      { eta: '2026-11-20T08:00:00-05:00' },
      { kind: 'postpone', untilMs: nowMs + 3_600_000 },
    ],
    [
      'a naive ETA, which means UTC',
      { eta: '2026-11-20T12:00:01' },
      { kind: 'postpone', untilMs: nowMs + 1000 },
    ],
    ['an expiry that has passed', { expires: '2026-11-20T11:59:59Z' }, { kind: 'discard', why: 'expired' }],
    ['an expiry to come', { expires: '2026-11-20T12:00:01Z' }, { kind: 'run' }],
    [
      'an expired message with an ETA',
      { expires: '2026-11-20T11:00:00Z', eta: '2026-11-20T13:00:00Z' },
      { kind: 'discard', why: 'expired' },
    ],
    [
      'a revoked message of an unknown task',
      { id: 'revoked', task: 'who' },
      { kind: 'discard', why: 'revoked' },
    ],
    ['an unknown task', { task: 'who' }, { kind: 'unknown' }],
  ])('of %s', (_name, more, expected) => {
    expect(admit(headers(more), state)).toEqual(expected)
  })
  test('puts a time that is none aside', () => {
    expect(admit(headers({ eta: 'tomorrow' }), state)).toMatchObject({ kind: 'quarantine' })
  })
})
