import { expect, test } from 'vitest'
import type { HistoryStore } from './history-store.js'

/** The history of the test that runs. */
export interface HistoryOfTest {
  readonly store: HistoryStore
  reopen(): Promise<void>
}

/** What a history keeps of the people who use a dashboard: part of the contract of every history. */
export function testsOfPeople(history: HistoryOfTest, nowMs: number): void {
  test('knows the sessions that were ended, through a restart, until they would have expired', async () => {
    await history.store.endSession('a', nowMs + 1000)
    await history.store.endSession('a', nowMs + 1000)
    await history.reopen()
    expect(await Promise.all(['a', 'b'].map((id) => history.store.isSessionEnded(id)))).toEqual([true, false])
    const bounds = { taskMs: 1e12, taskRows: 10, minuteMs: 1e12, hourMs: 1e12, auditMs: 1e12 }
    await history.store.prune(bounds, nowMs + 2000)
    expect(await history.store.isSessionEnded('a')).toBe(false)
  })

  test('keeps jobs, and marks those whose dashboard died, each once', async () => {
    const job = {
      id: 'one',
      fleet: 'main',
      action: 'task.retry',
      target: 'state:FAILURE',
      person: 'ada',
      startedMs: nowMs,
      endedMs: null,
      state: 'running',
      expected: 9,
      done: 0,
      failed: 0,
      error: null,
    } as const
    await history.store.putJob(job, nowMs)
    await history.store.putJob({ ...job, id: 'two', startedMs: nowMs + 1, state: 'done' }, nowMs)
    await history.store.putJob({ ...job, id: 'new', startedMs: nowMs + 2 }, nowMs + 500)
    await history.store.putJob({ ...job, done: 4 }, nowMs + 100)
    expect((await history.store.jobs(2)).map(({ id }) => id)).toEqual(['new', 'two'])
    const lost = { ...job, done: 4, state: 'interrupted', endedMs: nowMs + 100, error: expect.any(String) }
    expect(await history.store.interruptJobs(nowMs + 200)).toEqual([lost])
    expect(await history.store.interruptJobs(nowMs + 200)).toEqual([])
    expect((await history.store.jobs(9)).at(-1)).toEqual(lost)
    const kept = { taskMs: 1e12, taskRows: 1e6, minuteMs: 1e12, hourMs: 1e12, auditMs: 10 }
    await history.store.prune(kept, nowMs + 1000)
    expect((await history.store.jobs(9)).map(({ id }) => id)).toEqual(['new'])
  })
}
