import { expect, test, vi } from 'vitest'
import { LeaseKeeper } from './index.js'

const SLOW = new URL('./slow-thread.suite.js', import.meta.url)
const DYING = new URL('./dying-thread.suite.js', import.meta.url)

test('a thread that dies is started again, and the lease is renewed from here meanwhile', {
  timeout: 30_000,
}, async () => {
  const starts = new SharedArrayBuffer(4)
  const keeper = new LeaseKeeper(DYING, { starts })
  const renew = vi.fn(async () => {})
  const told: unknown[] = []
  const lease = { holder: 'h', leaseMs: 300, renewMs: 50, maxBlockMs: 60_000 }
  try {
    await keeper.keep(lease, { renew, onError: (error) => told.push(error), isOutage: () => false })
    const started = (): number => Atomics.load(new Int32Array(starts), 0)
    await vi.waitFor(() => expect(started()).toBe(3), { timeout: 20_000 })
    expect(told.map(String)).toEqual(['Error: killed by the test', 'Error: killed by the test'])
    const before = renew.mock.calls.length
    expect(before).toBeGreaterThan(2)
    // The third has taken it over: nothing is renewed from here any longer.
    await vi.waitFor(
      async () => {
        const now = renew.mock.calls.length
        await new Promise((resolve) => setTimeout(resolve, 300))
        expect(renew.mock.calls.length).toBe(now)
      },
      { timeout: 10_000 },
    )
  } finally {
    await keeper.close()
  }
})

test('a short lease is in the care of its thread before it is used, and a busy server has two seconds', {
  timeout: 30_000,
}, async () => {
  const seen = new SharedArrayBuffer(8)
  const numbers = new Int32Array(seen)
  const keeper = new LeaseKeeper(SLOW, { seen })
  const lease = { holder: 'h', leaseMs: 3_600, renewMs: 1_200, maxBlockMs: 60_000 }
  try {
    await keeper.keep(lease, { renew: async () => {}, onError: () => {}, isOutage: () => false })
    expect(Atomics.load(numbers, 0)).toBe(1)
    // The thread's timer counts from the turn of its event loop, which began a little before the renewal.
    expect(Atomics.load(numbers, 1)).toBeGreaterThan(1_500)
  } finally {
    await keeper.close()
  }
})
