import { keepLeases } from './keep-leases.js'

/** What the test gives it: how often it has renewed, and after how many ms its first connection was dropped. */
export interface SlowThreadData {
  readonly seen: SharedArrayBuffer
}

// A thread whose first renewal is answered by nobody until its connection is dropped.
keepLeases(({ seen }: SlowThreadData) => {
  const numbers = new Int32Array(seen)
  let startedMs = 0
  let fail = (_: Error): void => {}
  return {
    renew: async () => {
      if (startedMs > 0) return Atomics.add(numbers, 0, 1)
      startedMs = performance.now()
      return new Promise((_, reject) => {
        fail = reject
      })
    },
    heldTasks: async () => [],
    drop: () => {
      Atomics.store(numbers, 1, Math.ceil(performance.now() - startedMs))
      fail(new Error('dropped'))
    },
    isOutage: () => true,
    close: () => {},
  }
})
