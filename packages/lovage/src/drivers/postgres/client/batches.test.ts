import { describe, expect, test } from 'vitest'
import { Batches } from './batches.js'

/** What happens, in its order; each batch is answered when the test says so. */
function written(log: string[]) {
  const answers: ((error?: Error) => void)[] = []
  const batches = new Batches<string, string>(
    (items) => {
      log.push(`write ${items.join()}`)
      return new Promise((resolve, reject) =>
        answers.push((error) => (error ? reject(error) : resolve(items.map((item) => `${item} stored`)))),
      )
    },
    2,
    () => 1,
    false,
  )
  const add = (item: string): Promise<void> =>
    batches.add(item).then(
      (reply) => void log.push(reply),
      (error: Error) => void log.push(`${item} ${error.message}`),
    )
  return { batches, add, answers }
}

describe('batches', () => {
  test('leave before the callers of the one before go on, one at a time, in order', async () => {
    const log: string[] = []
    const { batches, add, answers } = written(log)
    const a = add('a')
    const e = a.then(() => add('e'))
    const others = ['b', 'c', 'd'].map(add)
    expect(log).toEqual(['write a'])
    answers[0]?.()
    await a
    expect(log).toEqual(['write a', 'write b,c', 'a stored'])
    answers[1]?.()
    await Promise.all(others.slice(0, 2))
    expect(log.slice(3)).toEqual(['write d,e', 'b stored', 'c stored'])
    answers[2]?.()
    await Promise.all([e, batches.idle()])
    expect(log.slice(6)).toEqual(['d stored', 'e stored'])
    expect(batches.isBusy).toBe(false)
  })

  test('tell callers of their own batch’s error only, in order', async () => {
    const log: string[] = []
    const { add, answers } = written(log)
    const all = ['a', 'b', 'c', 'd'].map(add)
    answers[0]?.(new Error('is lost'))
    await all[0]
    answers[1]?.()
    await all[2]
    answers[2]?.(new Error('is refused'))
    await Promise.all(all)
    expect(log).toEqual([
      'write a',
      'write b,c',
      'a is lost',
      'write d',
      'b stored',
      'c stored',
      'd is refused',
    ])
  })
})
