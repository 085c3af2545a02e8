import { expect, test } from 'vitest'
import { together } from './together.js'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('what is asked for while another list is under way is one list', async () => {
  const lists: (readonly number[])[] = []
  const double = together(
    async (items: readonly number[]) => {
      lists.push(items)
      await turn()
      return items.map((item) => item * 2)
    },
    { most: 3 },
  )
  const first = [1, 2].map(double)
  await expect.poll(() => lists.length).toBe(1)
  const rest = [3, 4, 5, 6].map(double)
  expect(await Promise.all([...first, ...rest])).toEqual([2, 4, 6, 8, 10, 12])
  expect(lists).toEqual([[1, 2], [3, 4, 5], [6]])
})

const onlyPositive = async (items: readonly number[]): Promise<readonly number[]> => {
  if (items.some((item) => item < 0)) throw new RangeError('it is negative')
  return items
}

test('a list that fails fails as a whole', async () => {
  const settled = await Promise.allSettled([1, -1].map(together(onlyPositive)))
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})

test('a bad item fails alone where each may be tried again', async () => {
  const [first, bad, last] = await Promise.allSettled(
    [1, -1, 2].map(together(onlyPositive, { retryAlone: true })),
  )
  expect([first, last]).toEqual([
    { status: 'fulfilled', value: 1 },
    { status: 'fulfilled', value: 2 },
  ])
  expect(bad).toMatchObject({ status: 'rejected', reason: { message: 'it is negative' } })
})

test('a list with too few results is an error, and does not hang', async () => {
  const lossy = together(async (items: readonly number[]) => items.slice(1))
  await expect(Promise.all([1, 2].map(lossy))).rejects.toThrow(
    '2 items were asked for together, and 1 results came.',
  )
})
