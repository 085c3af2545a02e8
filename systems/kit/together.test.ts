import { expect, test } from 'vitest'
import { together } from './together.js'

test('what is asked for while others are under way is one list', async () => {
  const lists: (readonly number[])[] = []
  const double = together(async (items: readonly number[]) => {
    lists.push(items)
    await new Promise((resolve) => setImmediate(resolve))
    return items.map((item) => item * 2)
  }, 3)
  const first = [1, 2].map(double)
  await expect.poll(() => lists.length).toBe(1)
  const rest = [3, 4, 5, 6].map(double)
  expect(await Promise.all([...first, ...rest])).toEqual([2, 4, 6, 8, 10, 12])
  expect(lists).toEqual([[1, 2], [3, 4, 5], [6]])
})

test('a bad item fails alone', async () => {
  const positive = together(async (items: readonly number[]) => {
    if (items.some((item) => item < 0)) throw new RangeError('it is negative')
    return items
  })
  const [first, bad, last] = await Promise.allSettled([1, -1, 2].map(positive))
  expect([first, last]).toEqual([
    { status: 'fulfilled', value: 1 },
    { status: 'fulfilled', value: 2 },
  ])
  expect(bad).toMatchObject({ status: 'rejected', reason: { message: 'it is negative' } })
})
