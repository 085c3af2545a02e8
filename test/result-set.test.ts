import { type AsyncResult, type Lovage, ResultSet } from 'lovage'
import { createTestApp, startTestWorker } from 'lovage/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let app: Lovage
beforeEach(() => {
  app = createTestApp()
})
afterEach(() => app.close())

/** A task that ends when the test says. */
function held() {
  const open = new Map<number, () => void>()
  const task = app.task({
    name: 'held',
    run: (_ctx, n: number) => new Promise<number>((resolve) => open.set(n, () => resolve(n * n))),
  })
  return { task, open }
}
const square = () => app.task({ name: 'square', run: (_ctx, n: number) => n * n })
const strict = () =>
  app.task({
    name: 'strict',
    run: (_ctx, n: number) => {
      if (n < 0) throw new RangeError(`${n} is negative`)
      return n
    },
  })

describe('a set of results', () => {
  test('answers with the values in its own order, and tells of each as it comes', async () => {
    const results = await square().applyAsyncMany([{ args: [3] }, { args: [1] }, { args: [2] }])
    const set = new ResultSet(results)
    expect([await set.ready(), await set.waiting(), await set.completedCount()]).toEqual([false, true, 0])
    await using _worker = await startTestWorker(app)
    const heard: unknown[] = []
    const values: number[] = await set.get({ timeout: 5, onResult: (id, value) => heard.push([id, value]) })
    expect(values).toEqual([9, 1, 4])
    expect(heard).toHaveLength(3)
    expect(heard).toContainEqual([results[0]?.id, 9])
    expect([
      await set.ready(),
      await set.successful(),
      await set.failed(),
      await set.completedCount(),
    ]).toEqual([true, true, false, 3])
  })

  test('throws the first failure at once, or puts its description among the values', async () => {
    const fails = strict()
    const { task, open } = held()
    await using _worker = await startTestWorker(app)
    const set = new ResultSet<unknown>([await fails.delay(1), await fails.delay(-1), await task.delay(7)])
    await expect(set.get({ timeout: 5 })).rejects.toMatchObject({ message: 'RangeError: -1 is negative' })
    await expect(set.maybeThrow()).rejects.toMatchObject({ code: 'LVG_TASK_FAILED' })
    expect(set.remove([...set][2] as AsyncResult<unknown>)).toBe(true)
    expect(await set.join({ timeout: 5, propagate: false })).toMatchObject([1, { exc_type: 'RangeError' }])
    expect([await set.failed(), await set.successful()]).toEqual([true, false])
    open.get(7)?.()
  })

  test('is walked through in the order in which its tasks end', async () => {
    const { task, open } = held()
    await using worker = await startTestWorker(app)
    const set = new ResultSet(await task.applyAsyncMany([{ args: [1] }, { args: [2] }, { args: [3] }]))
    const seen: number[] = []
    while (worker.active.length < 3) await new Promise((resolve) => setImmediate(resolve))
    open.get(2)?.()
    for await (const result of set) {
      seen.push(await result.get())
      open.get(seen.length === 1 ? 3 : 1)?.()
    }
    expect(seen).toEqual([4, 9, 1])
  })

  test('says who is missing when time is up, and stops waiting when told', async () => {
    const set = new ResultSet(await square().applyAsyncMany([{ args: [1] }, { args: [2] }]))
    const first = set.results[0]?.id
    await expect(set.get({ timeout: 0.02 })).rejects.toMatchObject({
      code: 'LVG_RESULT_TIMEOUT',
      message: `2 of 2 tasks (the first is ${first}) gave no result within 0.02 s.`,
    })
    await expect(async () => {
      for await (const _ of set.iterate({ timeout: 0.02 })) expect.fail('nothing has ended')
    }).rejects.toMatchObject({ code: 'LVG_RESULT_TIMEOUT' })
    const ending = new AbortController()
    const waiting = set.get({ signal: ending.signal })
    ending.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })

  test('holds each task once, grows, shrinks, and is done at once when it is empty', async () => {
    const task = square()
    const [one, two] = [await task.delay(1), await task.delay(2)]
    const set = new ResultSet([one, one]).update([two, one])
    expect([...set].map(({ id }) => id)).toEqual([one.id, two.id])
    expect([set.remove(one.id), set.remove(one), set.length]).toEqual([true, false, 1])
    set.clear()
    expect([set.length, await set.get(), await set.ready(), await set.successful()]).toEqual([
      0,
      [],
      true,
      true,
    ])
    for await (const _ of set) expect.fail('it is empty')
  })

  test('forgets what is stored', async () => {
    await using _worker = await startTestWorker(app)
    const set = new ResultSet(await square().applyAsyncMany([{ args: [1] }, { args: [2] }]))
    await set.get({ timeout: 5 })
    await set.forget()
    expect(await Promise.all([...set].map((result) => result.state()))).toEqual(['PENDING', 'PENDING'])
  })
})
