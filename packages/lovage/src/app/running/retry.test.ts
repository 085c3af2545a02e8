import { describe, expect, test } from 'vitest'
import { TaskError } from '../../kernel/index.js'
import { backoffSeconds, isAutoRetried } from './retry.js'

class Problem extends Error {}
class Fatal extends Problem {}

describe('backoff', () => {
  test('doubles up to its ceiling', () => {
    const seconds = [0, 1, 2, 3, 9, 20].map((retries) =>
      backoffSeconds({ retryBackoff: true, retryJitter: false }, retries, Math.random),
    )
    expect(seconds).toEqual([1, 2, 4, 8, 512, 600])
  })
  test('has full jitter by default: anywhere from nothing to min(600, factor · 2^n)', () => {
    for (let sample = 0; sample < 1000; sample++) {
      const retries = sample % 12
      const seconds = backoffSeconds({ retryBackoff: 3 }, retries, Math.random)
      expect(seconds).toBeGreaterThanOrEqual(0)
      expect(seconds).toBeLessThanOrEqual(Math.min(600, 3 * 2 ** retries))
    }
    expect(backoffSeconds({ retryBackoff: 4 }, 1, () => 0.5)).toBe(4)
  })
  test('can keep half of itself, or ± a share', () => {
    expect(
      [0, 1].map((dice) => backoffSeconds({ retryBackoff: 8, retryJitter: 'equal' }, 0, () => dice)),
    ).toEqual([4, 8])
    expect(
      [0, 1].map((dice) => backoffSeconds({ retryBackoff: 10, retryJitter: 0.2 }, 0, () => dice)),
    ).toEqual([8, 12])
  })
})

test('errors are retried by class, unless a class below says no', () => {
  const options = { autoretryFor: [Problem], dontAutoretryFor: [Fatal] }
  expect([new Problem(), new Fatal(), new Error()].map((error) => isAutoRetried(options, error))).toEqual([
    true,
    false,
    false,
  ])
})

test('arguments that do not fit are not retried, whatever the task retries', () => {
  const wrong = new TaskError('amount: expected a number', { code: 'LVG_TASK_ARGUMENTS' })
  expect(isAutoRetried({ autoretryFor: [Error] }, wrong)).toBe(false)
})
