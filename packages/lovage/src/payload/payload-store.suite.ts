import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PayloadStore, payloadDay, payloadKey } from './payload-store.js'

/** A store to be tested. */
export interface PayloadStoreWorld {
  open(): Promise<PayloadStore>
  stop?(): Promise<void>
}

/** The suite of payload stores: one call in each driver's test. */
export function describePayloadStore(options: {
  readonly name: string
  readonly start: () => Promise<PayloadStoreWorld>
  /** The server removes old payloads by itself. */
  readonly expiresItself?: boolean
  /** The test's server refuses smaller ones. Default 0. */
  readonly leastBytes?: number
}): void {
  describe(`${options.name} as a store of large payloads`, () => {
    let world: PayloadStoreWorld
    let store: PayloadStore
    beforeAll(async () => {
      world = await options.start()
      store = await world.open()
    }, 120_000)
    afterAll(async () => {
      await store?.close()
      await world?.stop?.()
    })
    const DAY_MS = 86_400_000
    const inDays = (days: number): number => Date.now() + days * DAY_MS
    let count = 0
    const newKey = (untilMs?: number): string => payloadKey(`payload-${process.pid}-${count++}`, untilMs)

    it('gives back what it was given, to other processes too', async () => {
      const sizes = [0, 1, 70_000, 1_000_003].filter((size) => size >= (options.leastBytes ?? 0))
      const payloads = sizes.map((size) => ({
        key: newKey(inDays(2)),
        bytes: randomBytes(size),
      }))
      await store.put(payloads)
      const other = await world.open()
      for (const { key, bytes } of payloads)
        expect((await other.get(key, 2_000_000))?.equals(bytes)).toBe(true)
      await other.close()
      expect(await store.get(newKey(inDays(2)), 100)).toBe(undefined)
    })

    it('takes a payload twice', async () => {
      const payload = { key: newKey(inDays(2)), bytes: Buffer.from('the same') }
      await store.put([payload])
      await Promise.all([store.put([payload]), store.put([payload])])
      expect(String(await store.get(payload.key, 100))).toBe('the same')
    })

    it('does not read more than the reader wants', async () => {
      const payload = { key: newKey(inDays(2)), bytes: Buffer.alloc(500_000, 1) }
      await store.put([payload])
      const found = await store.get(payload.key, 1000)
      expect(found?.equals(payload.bytes)).toBe(false)
    })

    it.skipIf(options.expiresItself)('removes payloads whose day is over, and no others', async () => {
      const [old, today, later, kept] = [newKey(inDays(-1)), newKey(inDays(0)), newKey(inDays(9)), newKey()]
      await store.put([old, today, later, kept].map((key) => ({ key, bytes: Buffer.from(key) })))
      await store.prune(payloadDay(Date.now()))
      expect(await store.get(old, 100)).toBe(undefined)
      for (const key of [today, later, kept]) expect(String(await store.get(key, 100))).toBe(key)
      await store.prune(payloadDay(Date.now()))
    })
  })
}
