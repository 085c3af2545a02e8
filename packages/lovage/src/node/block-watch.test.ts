import type { Worker as Thread } from 'node:worker_threads'
import { expect, test, vi } from 'vitest'
import { coreOf } from '../app/core/index.js'
import { createTestApp } from '../testing/index.js'
import { BlockWatch } from './block-watch.js'

test('a watch whose thread is killed starts another', { timeout: 30_000 }, async () => {
  await using app = createTestApp('watched')
  const threads: Thread[] = []
  const seen = (thread: Thread): void => void threads.push(thread)
  process.on('worker', seen)
  const watch = new BlockWatch(coreOf(app), { log: { level: 'error' }, isSupervised: false })
  try {
    watch.start()
    await vi.waitFor(() => expect(threads).toHaveLength(1), 20_000)
    await threads[0]?.terminate()
    await vi.waitFor(() => expect(threads).toHaveLength(2), 10_000)
    expect(threads[1]?.threadId).toBeGreaterThan(0)
  } finally {
    process.off('worker', seen)
    await watch.stop()
  }
})
