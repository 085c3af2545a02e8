import { expect, test, vi } from 'vitest'
import { REVOKED } from '../../packages/lovage/src/app/fleet/index.js'
import type { CoordinationStore } from '../../packages/lovage/src/coordination/index.js'
import { openCoordinationStore } from '../../packages/lovage/src/drivers/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { Revokes } from '../../packages/lovage/src/worker/limits/revokes.js'
import { everyStore } from '../every-store.js'

const REMEMBERED = 5_000
const REVOKES = 20

test.each(everyStore('revokes'))(
  'one revoke makes a worker on %s read one mark, however many are remembered',
  {
    timeout: 60_000,
  },
  async (_, freshUrl) => {
    const store = await openCoordinationStore(await freshUrl(), {
      settings: {},
      clock: systemClock,
      logger: silentLogger,
    })
    /** Marks that were read since it was set to 0. */
    let read = 0
    const counting: CoordinationStore = Object.assign(Object.create(store) as CoordinationStore, {
      watch: store.watch.bind(store),
      async list(space: string, keys?: readonly string[]) {
        const marks = await store.list(space, keys)
        read += marks.length
        return marks
      },
    })
    const expiresMs = Date.now() + 3_600_000
    const revoke = (ids: readonly string[]) =>
      store.put(
        REVOKED,
        ids.map((key) => ({ key, value: '{"terminate":false}', expiresMs })),
      )
    const revokes = new Revokes(counting, silentLogger)
    const isRevoked = (id: string): boolean =>
      revokes.of({ id, stamps: {}, stamped_headers: [] }) !== undefined
    try {
      for (let at = 0; at < REMEMBERED; at += 500)
        await revoke(Array.from({ length: 500 }, (_, index) => `old-${at + index}`))
      await revokes.start(() => {})
      // Until its subscription stands it may read everything once or twice.
      await vi.waitFor(
        async () => {
          read = 0
          await revoke(['probe'])
          await vi.waitFor(() => expect(read).toBeGreaterThan(0), 5_000)
          expect(read).toBeLessThan(5)
        },
        { timeout: 30_000, interval: 300 },
      )
      read = 0
      for (let n = 0; n < REVOKES; n++) {
        await revoke([`new-${n}`])
        await vi.waitFor(() => expect(isRevoked(`new-${n}`)).toBe(true), 10_000)
      }
      expect(read).toBeLessThanOrEqual(3 * REVOKES)
      expect(isRevoked('old-17')).toBe(true)
      await store.remove(REVOKED, [{ key: 'old-17' }])
      await vi.waitFor(() => expect(isRevoked('old-17')).toBe(false), 10_000)
    } finally {
      revokes.stop()
      await store.close()
    }
  },
)
