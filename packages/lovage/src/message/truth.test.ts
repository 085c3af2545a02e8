import { expect, test } from 'vitest'
import { isTruthy } from './index.js'

test.each([
  [true, true],
  [1, true],
  [-0.5, true],
  [Number.NaN, true],
  [3n, true],
  ['yes', true],
  ['True', true],
  [[0], true],
  [{ a: null }, true],
  [new Date(0), true],
  [false, false],
  [0, false],
  [-0, false],
  [0n, false],
  [null, false],
  [undefined, false],
  ['', false],
  ['0', false],
  ['False', false],
  ['off', false],
  [[], false],
  [{}, false],
  [Buffer.alloc(0), false],
])('%o means %s', (value, meaning) => {
  expect(isTruthy(value)).toBe(meaning)
})
