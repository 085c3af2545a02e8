import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { newId } from '../kernel/index.js'
import type { CoordinationStore } from './coordination-store.js'

/** A running store. */
export interface CoordinationServer {
  /** Opens a separate store, as another process would; the suite closes it. */
  open(): Promise<CoordinationStore>
  stop(): Promise<void>
}

/** The contract of every coordination store. */
export function describeCoordinationStore({
  name,
  start,
}: {
  readonly name: string
  readonly start: () => Promise<CoordinationServer>
}): void {
  describe(`coordination in ${name}`, () => {
    let server: CoordinationServer
    let mine: CoordinationStore
    let theirs: CoordinationStore
    beforeAll(async () => {
      server = await start()
      mine = await server.open()
      theirs = await server.open()
    })
    afterAll(async () => {
      await mine?.close()
      await theirs?.close()
      await server?.stop()
    })

    test('gives a lease to one holder, who may renew it under the same token', async () => {
      const lease = newId()
      const grants = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 ? mine : theirs).acquire(lease, `h${index}`, 10_000),
        ),
      )
      const winners = grants.flatMap((grant, index) => (grant ? [{ grant, holder: `h${index}` }] : []))
      expect(winners).toHaveLength(1)
      const [winner] = winners
      if (!winner) throw new Error('unreachable')
      const renewed = await mine.acquire(lease, winner.holder, 20_000)
      expect(renewed?.token).toBe(winner.grant.token)
      expect(renewed?.expiresMs).toBeGreaterThan(winner.grant.expiresMs)
    })

    test('gives growing tokens, so that a stale holder changes nothing', async () => {
      const lease = newId()
      const first = await mine.acquire(lease, 'a', 30)
      await new Promise((resolve) => setTimeout(resolve, 60))
      const second = await theirs.acquire(lease, 'b', 10_000)
      if (!first || !second) throw new Error('not granted')
      expect(second.token > first.token).toBe(true)
      await mine.release(lease, first.token)
      expect(await mine.acquire(lease, 'a', 1000)).toBeUndefined()
      await theirs.release(lease, second.token)
      const third = await mine.acquire(lease, 'a', 1000)
      expect(third && third.token > second.token).toBe(true)
    })

    test('hands out turns evenly, in the future if need be, each once', async () => {
      const key = newId()
      const before = Date.now()
      const turns = (
        await Promise.all(
          Array.from({ length: 10 }, (_, index) =>
            (index % 2 ? mine : theirs).takeTurns([{ key, intervalMs: 100, burst: 1 }]),
          ),
        )
      ).flat()
      const sorted = [...turns].sort((a, b) => a - b)
      expect(sorted[0]).toBeGreaterThanOrEqual(before - 1)
      expect(sorted[0]).toBeLessThan(before + 2000)
      // The first is at once, at whatever moment it was asked; the others follow it by the interval.
      for (const [index, atMs] of sorted.entries())
        if (index > 1) expect(Math.round(atMs - (sorted[index - 1] ?? 0))).toBe(100)
    })

    test('lets a burst through at once after idleness, and keeps keys apart', async () => {
      const [a, b] = [newId(), newId()]
      const now = Date.now()
      const turns = await mine.takeTurns([
        ...Array.from({ length: 5 }, () => ({ key: a, intervalMs: 60_000, burst: 3 })),
        { key: b, intervalMs: 60_000, burst: 1 },
      ])
      expect(turns.map((atMs) => Math.max(0, Math.round((atMs - now) / 60_000)))).toEqual([0, 0, 0, 1, 2, 0])
    })

    test('takes the turns of a group when all can be had now, and none of them otherwise', async () => {
      const [queue, slow, free] = [newId(), newId(), newId()]
      const wish = (key: string, intervalMs: number, idleMs = 0) => ({ key, intervalMs, idleMs })
      expect(await mine.tryTurns([[wish(slow, 60_000), wish(queue, 300)]])).toEqual([[0, 0]])
      // The slow one may not, so that the queue's turn is there for others, once.
      await eventually(async () => {
        const [[slowMs = 0, queueMs = 0] = []] = await theirs.tryTurns([
          [wish(slow, 60_000), wish(queue, 300)],
        ])
        expect(slowMs).toBeGreaterThan(50_000)
        return queueMs === 0
      })
      const groups = await theirs.tryTurns([
        [wish(queue, 300)],
        [wish(queue, 300), wish(free, 60_000)],
        [wish(free, 60_000)],
        [],
      ])
      expect(groups[0]).toEqual([0])
      expect(groups[1]?.[0]).toBeGreaterThan(0)
      expect(groups[1]?.[1]).toBe(0)
      expect(groups.slice(2)).toEqual([[0], []])
    })

    test('takes a turn that has been free for a while only, when asked so', async () => {
      const key = newId()
      expect(await mine.tryTurns([[{ key, intervalMs: 100 }]])).toEqual([[0]])
      await eventually(async () => {
        const [[waitMs = 0] = []] = await theirs.tryTurns([[{ key, intervalMs: 60_000, idleMs: 500 }]])
        return waitMs === 0
      })
      const [[waitMs = 0] = []] = await mine.tryTurns([[{ key, intervalMs: 100 }]])
      expect(waitMs).toBeGreaterThan(50_000)
    })

    test('lets so many in and no more, until one leaves or is silent', async () => {
      const key = newId()
      const wish = (member: string, ttlMs = 10_000) => ({ key, member, limit: 2, ttlMs })
      expect(await mine.enter([wish('a'), wish('b', 40), wish('c')])).toEqual([true, true, false])
      expect(await theirs.enter([wish('a')])).toEqual([true])
      await new Promise((resolve) => setTimeout(resolve, 80))
      expect(await theirs.enter([wish('c'), wish('d')])).toEqual([true, false])
      await mine.leave([
        { key, member: 'a' },
        { key, member: 'nobody' },
      ])
      expect(await theirs.enter([wish('d')])).toEqual([true])
    })

    test('keeps marks until their end, or until they are removed by value', async () => {
      const space = newId()
      expect(await mine.put(space, [{ key: 'k', value: '1' }], { ifAbsent: true })).toEqual([
        { key: 'k', value: '1' },
      ])
      expect(await theirs.put(space, [{ key: 'k', value: '2' }], { ifAbsent: true })).toEqual([
        { key: 'k', value: '1' },
      ])
      expect(await theirs.remove(space, [{ key: 'k', value: '2' }])).toBe(0)
      await mine.put(space, [
        { key: 'k', value: '3' },
        { key: 'short', value: 'x', expiresMs: Date.now() + 3000 },
      ])
      expect((await theirs.list(space)).map(({ key, value }) => `${key}${value}`).sort()).toEqual([
        'k3',
        'shortx',
      ])
      expect(await theirs.list(space, ['short', 'none'])).toHaveLength(1)
      await expect.poll(() => theirs.list(space), { timeout: 20_000 }).toEqual([{ key: 'k', value: '3' }])
      expect(await mine.remove(space, [{ key: 'k', value: '3' }, { key: 'none' }])).toBe(1)
      expect(await theirs.list(space)).toEqual([])
    })

    test('lets exactly one of many put a unique key', async () => {
      const space = newId()
      const standing = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 ? mine : theirs).put(space, [{ key: 'only', value: `v${index}` }], { ifAbsent: true }),
        ),
      )
      expect(new Set(standing.flat().map(({ value }) => value)).size).toBe(1)
    })

    test('replaces a mark only while it is what it was, for one of many', async () => {
      const space = newId()
      await mine.put(space, [{ key: 'k', value: '0' }])
      const tries = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 ? mine : theirs).replace(space, [
            { was: '0', mark: { key: 'k', value: `v${index}` } },
            { was: '0', mark: { key: 'none', value: 'x' } },
          ]),
        ),
      )
      const winners = tries.flatMap(([isMine], index) => (isMine ? [`v${index}`] : []))
      expect(winners).toHaveLength(1)
      expect(tries.flatMap(([, isNone]) => (isNone ? [isNone] : []))).toEqual([])
      expect(await theirs.list(space)).toEqual([{ key: 'k', value: winners[0] }])
      // What was listed before has no part in what is asked next.
      expect(await mine.put(space, [{ key: 'other', value: 'o' }], { ifAbsent: true })).toEqual([
        { key: 'other', value: 'o' },
      ])
      expect(await mine.list(space, ['k'])).toHaveLength(1)
      expect(await mine.put(space, [{ key: 'other', value: 'x' }], { ifAbsent: true })).toEqual([
        { key: 'other', value: 'o' },
      ])
      // Under its own value its end moves; past its end nothing can be renewed.
      await mine.put(space, [{ key: 'short', value: 'me', expiresMs: Date.now() + 60_000 }])
      const renewed = { key: 'short', value: 'me', expiresMs: Date.now() + 90_000 }
      expect(await theirs.replace(space, [{ was: 'me', mark: renewed }])).toEqual([true])
      expect(await mine.list(space, ['short'])).toEqual([renewed])
      const ending = { ...renewed, expiresMs: Date.now() + 50 }
      expect(await theirs.replace(space, [{ was: 'me', mark: ending }])).toEqual([true])
      await expect.poll(() => mine.list(space, ['short']), { timeout: 5000 }).toEqual([])
      expect(await mine.replace(space, [{ was: 'me', mark: renewed }])).toEqual([false])
    })

    test('tells who watches a space that something changed', async () => {
      const space = newId()
      const heard = new Promise<void>((resolve) => {
        const stop = theirs.watch(space, () => {
          stop()
          resolve()
        })
      })
      // A subscription may take a moment to be made: the change is repeated until it is heard.
      let isHeard = false
      void heard.then(() => {
        isHeard = true
      })
      for (let change = 0; !isHeard && change < 200; change++) {
        await mine.put(space, [{ key: 'k', value: String(change) }])
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
      await heard
    })

    test('tells which marks changed, so that who follows reads those alone', async () => {
      const space = newId()
      const known = new Map<string, string>()
      /** Keys that were told, and how often everything had to be read. */
      const told = new Set<string>()
      let reading = Promise.resolve()
      const stop = theirs.watch(space, (keys) => {
        reading = reading.then(async () => {
          for (const key of keys ?? known.keys()) known.delete(key)
          for (const key of keys ?? []) told.add(key)
          for (const { key, value } of await theirs.list(space, keys)) known.set(key, value)
        })
      })
      try {
        await vi.waitFor(
          async () => {
            // Until the subscription stands, keys may be missing from what is told.
            await mine.put(space, [{ key: 'first', value: '1' }])
            expect(told).toContain('first')
          },
          { timeout: 20_000, interval: 50 },
        )
        await mine.put(space, [
          { key: 'a', value: '1' },
          { key: 'b', value: '1' },
        ])
        await mine.replace(space, [{ was: '1', mark: { key: 'a', value: '2' } }])
        await mine.remove(space, [{ key: 'b' }, { key: 'never' }])
        await vi.waitFor(
          () =>
            expect([...known].sort()).toEqual([
              ['a', '2'],
              ['first', '1'],
            ]),
          10_000,
        )
        expect([...told].sort()).toEqual(['a', 'b', 'first'])
      } finally {
        stop()
        await reading
      }
    })
  })
}

async function eventually(check: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await check()) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error('it did not come to be')
}
