import { expect, test } from 'vitest'
import { matchesTopic } from './topic.js'

test.each([
  ['#', 'any.thing', true],
  ['#', '', true],
  ['a.b', 'a.b', true],
  ['a.b', 'a.c', false],
  ['a.*', 'a.b', true],
  ['a.*', 'a', false],
  ['a.*', 'a.b.c', false],
  ['*.b', 'a.b', true],
  ['*', 'a.b', false],
  ['a.#', 'a', true],
  ['a.#', 'a.b.c', true],
  ['a.#', 'ab', false],
  ['#.c', 'c', true],
  ['#.c', 'a.b.c', true],
  ['a.#.c', 'a.c', true],
  ['a.#.c', 'a.x.y.c', true],
  ['a.#.c', 'a.x.y', false],
  ['a.+', 'a.+', true],
  ['a.b+', 'a.bb', false],
])('the topic %s and the key %s', (pattern, key, isMatch) => {
  expect(matchesTopic(pattern, key)).toBe(isMatch)
})
