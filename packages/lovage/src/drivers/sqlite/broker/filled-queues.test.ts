import { expect, test } from 'vitest'
import { FilledQueues } from './filled-queues.js'
import type { ClaimRow } from './rows.js'

const NAMES = Array.from({ length: 20 }, (_, n) => `q${n}`)
const LIST = JSON.stringify(NAMES)

/** Queues in memory, and how often they were looked at. */
function open(names: readonly string[] = NAMES) {
  const counts = new Map<string, number>()
  const looks = { made: 0 }
  const filled = new FilledQueues((_list, listed, free) => {
    looks.made++
    return listed.filter((name) => (counts.get(name) ?? 0) > 0).slice(0, free)
  })
  const take = (queue: string, limit: number): ClaimRow[] => {
    const had = counts.get(queue) ?? 0
    const taken = Math.min(had, limit)
    counts.set(queue, had - taken)
    return Array.from({ length: taken }, (_, seq) => ({ seq, claims: 1, redeliveries: 0, raw: '', queue }))
  }
  const claim = (free: number, list = JSON.stringify(names)): readonly string[] =>
    filled.claim('me', list, free, take).map(({ queue }) => queue)
  return { counts, looks, claim, filled }
}

test('claims share a look while they are filled, in the order of the list', () => {
  const { counts, looks, claim } = open()
  counts.set('q3', 3).set('q1', 2)
  expect(claim(3)).toEqual(['q1', 'q1', 'q3'])
  expect(claim(2)).toEqual(['q3', 'q3'])
  expect(looks.made).toBe(1)
})

test('a claim that an earlier look cannot fill looks again, and takes what has come since', () => {
  const { counts, looks, claim } = open()
  counts.set('q5', 2)
  claim(1)
  counts.set('q2', 1)
  expect(claim(3)).toEqual(['q5', 'q2'])
  expect(looks.made).toBe(2)
})

test('few queues are claimed from without looking', () => {
  const { counts, looks, claim } = open(['b', 'a'])
  counts.set('a', 1).set('b', 1)
  expect(claim(5)).toEqual(['b', 'a'])
  expect(looks.made).toBe(0)
})

test('another list is looked at anew, and so is the list of a consumer that had left', () => {
  const { counts, claim, filled, looks } = open()
  counts.set('q1', 5)
  claim(1)
  expect(claim(1, JSON.stringify(NAMES.slice(2)))).toEqual([])
  filled.forget('me')
  expect(claim(1, LIST)).toEqual(['q1'])
  expect(looks.made).toBe(3)
})
