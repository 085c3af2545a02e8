import { expect, test } from 'vitest'
import { EndingMap } from './ending-map.js'

test('what has ended is absent at once', () => {
  const map = new EndingMap<string>()
  map.set('a', 'A', 10, 0)
  map.set('b', 'B', Number.POSITIVE_INFINITY, 0)
  expect([map.get('a', 9), map.get('a', 10), map.get('b', 1e15)]).toEqual(['A', undefined, 'B'])
  expect(map.values(10)).toEqual(['B'])
})

test('a hundred thousand keys that come and end leave no more than a few behind', () => {
  const map = new EndingMap<number>()
  for (let at = 0; at < 100_000; at++) map.set(`k${at}`, at, at + 100, at)
  expect(map.size).toBeLessThanOrEqual(1000)
  expect(map.values(100_000)).toHaveLength(99)
})

test('many that live are all kept', () => {
  const map = new EndingMap<number>()
  for (let at = 0; at < 5000; at++) map.set(`k${at}`, at, 1e9, at)
  expect(map.values(5000)).toHaveLength(5000)
})
