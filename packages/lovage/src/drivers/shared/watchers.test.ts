import { describe, expect, test, vi } from 'vitest'
import { silentLogger } from '../../kernel/index.js'
import type { TaskResult } from '../../result/index.js'
import { record } from '../../result/tester.suite.js'
import { ResultWatchers } from './watchers.js'

/** A store that says only "something changed". */
class Store {
  readonly results = new Map<string, TaskResult>()
  readonly questions: (readonly string[])[] = []
  failures = 0
  readonly watchers = new ResultWatchers(async (ids) => {
    this.questions.push(ids)
    if (this.failures > 0) {
      this.failures--
      throw new Error('away')
    }
    return ids.flatMap((id) => this.results.get(id) ?? [])
  }, silentLogger)

  put(result: TaskResult): void {
    this.results.set(result.id, result)
    this.watchers.look()
  }
}

const answered = (store: Store, count: number) =>
  vi.waitFor(() => expect(store.questions.length).toBeGreaterThanOrEqual(count), { interval: 1 })

describe('those who wait for results', () => {
  test('cost one question for many rings, and none when nobody waits', async () => {
    const store = new Store()
    store.put(record({ id: 'a' }))
    const heard: string[] = []
    const end = store.watchers.add(['a', 'b'], ({ id }) => void heard.push(id))
    for (let ring = 0; ring < 100; ring++) store.watchers.look()
    await answered(store, 1)
    await vi.waitFor(() => expect(heard).toEqual(['a']), 20_000)
    expect(store.questions.length).toBeLessThanOrEqual(2)
    end()
    const before = store.questions.length
    store.put(record({ id: 'b' }))
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    expect(store.questions).toHaveLength(before)
    expect(store.watchers.size).toBe(0)
  })

  test('ask no more for a SUCCESS that all have heard', async () => {
    const store = new Store()
    const heard: string[] = []
    store.watchers.add(['a', 'b'], ({ id }) => void heard.push(id))
    store.put(record({ id: 'a' }))
    await vi.waitFor(() => expect(heard).toEqual(['a']), 20_000)
    store.put(record({ id: 'b', state: 'FAILURE' }))
    await vi.waitFor(() => expect(heard).toEqual(['a', 'b']), 20_000)
    expect(store.questions.at(-1)).toEqual(['b'])
    // A later listener is called anyway.
    const late: string[] = []
    store.watchers.add(['a'], ({ id }) => void late.push(id))
    await vi.waitFor(() => expect(late).toEqual(['a']), 20_000)
  })

  test('hear of each state once, and of each meta of an unfinished one', async () => {
    const store = new Store()
    const heard: unknown[] = []
    store.watchers.add(['a'], ({ result }) => void heard.push(result))
    for (const done of [1n, 2n, 2n, 3n]) {
      store.put({ ...record({ id: 'a', state: 'PROGRESS' }), result: { done } })
      const asked = store.questions.length
      await answered(store, asked + 1)
    }
    await vi.waitFor(() => expect(heard).toEqual([{ done: 1n }, { done: 2n }, { done: 3n }]), 20_000)
  })

  test('are served by the next ring after a question that failed', async () => {
    const store = new Store()
    store.failures = 1
    const heard: string[] = []
    store.watchers.add(['a'], ({ id }) => void heard.push(id))
    await answered(store, 1)
    // Until the failure has been handled, a ring belongs to the query that failed.
    await vi.waitFor(() => {
      store.put(record({ id: 'a' }))
      expect(heard).toEqual(['a'])
    }, 20_000)
  })
})
