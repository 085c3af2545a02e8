import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { newId } from '../kernel/index.js'
import { crontab, interval } from '../schedule/index.js'
import { defineEntry, type Entry, newEntry } from './entry.js'
import type { Advance, ScheduleStore } from './schedule-store.js'

/** A driver under test. */
export interface ScheduleStoreSubject {
  readonly name: string
  /** Starts the server, once. */
  start(): Promise<{
    /** Opens the store of an app's entries; another opening of the same space shares them. */
    open(space: string): Promise<ScheduleStore>
    stop(): Promise<void>
  }>
}

/** The contract of every schedule store. */
export function describeScheduleStore(subject: ScheduleStoreSubject): void {
  describe(`schedule store ${subject.name}`, () => {
    let server: Awaited<ReturnType<ScheduleStoreSubject['start']>>
    let space: string
    let store: ScheduleStore
    let other: ScheduleStore
    const opened: ScheduleStore[] = []

    beforeAll(async () => {
      server = await subject.start()
    })
    afterAll(() => server?.stop())
    beforeEach(async () => {
      space = `app-${newId()}`
      store = await server.open(space)
      other = await server.open(space)
      opened.push(store, other)
    })
    afterEach(async () => {
      for (const one of opened.splice(0)) await one.close()
    })

    const NOW = Date.UTC(2026, 0, 1)
    const entry = (name = 'nightly'): Entry => {
      const definition = defineEntry(name, {
        task: 'app.tidy',
        schedule: crontab({ minute: 0, hour: 2 }),
        args: [1, 'zwei', null, new Date(NOW)],
        kwargs: { naïve: { deep: [true] } },
        options: { queue: 'low', headers: { a: '1' } },
        timezone: 'Europe/Berlin',
        missed: { backfill: 3 },
      })
      return newEntry(name, definition, 'code', NOW)
    }
    const advance = (of: Partial<Advance> = {}): Advance => ({
      name: 'nightly',
      fromCursorMs: NOW,
      cursorMs: NOW + 60_000,
      anchorMs: NOW,
      run: { tickMs: NOW + 60_000, atMs: NOW + 60_012, taskId: 'id-1', count: 1 },
      ...of,
    })
    const only = async (from = store): Promise<Entry> => {
      const [first, ...rest] = await from.load()
      expect(rest).toEqual([])
      if (!first) throw new Error('nothing is stored')
      return first
    }

    it('says what and where it is', () => {
      expect(store.kind).not.toBe('')
      expect(store.location).not.toBe('')
    })

    it('gives back what was put, to every opening', async () => {
      expect(await store.put([{ entry: entry() }])).toEqual([true])
      expect(await only(other)).toEqual({ ...entry(), revision: 1 })
    })

    it('keeps the entries of one app apart from another’s', async () => {
      await store.put([{ entry: entry() }])
      const stranger = await server.open(`${space}-x`)
      opened.push(stranger)
      expect(await stranger.load()).toEqual([])
    })

    it('loads in the order of names', async () => {
      await store.put([{ entry: entry('b') }, { entry: entry('a') }, { entry: entry('c') }])
      expect((await store.load()).map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    })

    it('adds an entry only when there is none of its name', async () => {
      expect(await store.put([{ entry: entry() }])).toEqual([true])
      expect(await other.put([{ entry: entry() }, { entry: entry('other') }])).toEqual([false, true])
    })

    it('lets the first of two changes win', async () => {
      await store.put([{ entry: entry() }])
      const seen = await only()
      const definition = { ...seen.definition, enabled: false }
      expect(
        await store.put([{ entry: { ...seen, definition, changed: ['enabled'], removed: true } }]),
      ).toEqual([true])
      expect(await other.put([{ entry: { ...seen, code: null } }])).toEqual([false])
      expect(await only(other)).toEqual({
        ...seen,
        definition,
        changed: ['enabled'],
        removed: true,
        revision: 2,
      })
    })

    it('lets a change leave the state alone, or count from another time', async () => {
      await store.put([{ entry: entry() }])
      await store.advance([advance()])
      const seen = await only()
      expect(await store.put([{ entry: { ...seen, state: entry().state } }])).toEqual([true])
      expect((await only()).state).toEqual(seen.state)
      expect(await store.put([{ entry: await only(), restartMs: NOW + 99_000 }])).toEqual([true])
      expect((await only()).state).toEqual({ ...seen.state, anchorMs: NOW + 99_000, cursorMs: NOW + 99_000 })
    })

    it('takes a new entry that counts from another time', async () => {
      await store.put([{ entry: entry(), restartMs: NOW + 5 }])
      expect((await only()).state).toEqual({ ...entry().state, anchorMs: NOW + 5, cursorMs: NOW + 5 })
    })

    it('keeps entries that came from nobody’s code', async () => {
      const own = newEntry('own', defineEntry('own', { task: 't', schedule: interval(1) }), 'operator', NOW)
      await store.put([{ entry: own }])
      expect(await only()).toEqual({ ...own, revision: 1 })
    })

    it('moves the cursor and counts the run', async () => {
      await store.put([{ entry: entry() }])
      expect(await store.advance([advance()])).toEqual({ fenced: false, written: [true] })
      const { state, revision } = await only(other)
      expect(state).toEqual({
        anchorMs: NOW,
        cursorMs: NOW + 60_000,
        lastTickMs: NOW + 60_000,
        lastRunMs: NOW + 60_012,
        lastTaskId: 'id-1',
        totalRunCount: 1,
      })
      expect(revision).toBe(1)
    })

    it('moves the cursor without a run', async () => {
      await store.put([{ entry: entry() }])
      const { run: _, ...skipped } = advance({ anchorMs: NOW - 1 })
      await store.advance([skipped])
      expect((await only()).state).toEqual({ ...entry().state, cursorMs: NOW + 60_000, anchorMs: NOW - 1 })
    })

    it('counts runs by hand, which are no ticks', async () => {
      await store.put([{ entry: entry() }])
      await store.advance([advance()])
      const run = { tickMs: null, atMs: NOW + 70_000, taskId: 'by-hand', count: 1 }
      await store.advance([advance({ fromCursorMs: NOW + 60_000, run })])
      expect((await only()).state).toMatchObject({
        lastTickMs: NOW + 60_000,
        lastRunMs: NOW + 70_000,
        lastTaskId: 'by-hand',
        totalRunCount: 2,
      })
    })

    it('refuses to move from a cursor that is not there any more', async () => {
      await store.put([{ entry: entry() }, { entry: entry('other') }])
      await store.advance([advance()])
      const both = [advance(), advance({ name: 'other' }), advance({ name: 'nobody' })]
      expect(await other.advance(both)).toEqual({ fenced: false, written: [false, true, false] })
    })

    it('refuses a leader whose time is over', async () => {
      await store.put([{ entry: entry() }])
      expect(await store.advance([], 7n)).toEqual({ fenced: false, written: [] })
      expect(await other.advance([advance()], 6n)).toEqual({ fenced: true, written: [false] })
      expect((await only()).state).toEqual(entry().state)
      expect(await store.advance([advance()], 7n)).toEqual({ fenced: false, written: [true] })
      const later = advance({ fromCursorMs: NOW + 60_000, cursorMs: NOW + 120_000 })
      expect(await other.advance([later], 2n ** 53n + 1n)).toEqual({ fenced: false, written: [true] })
      expect((await store.advance([], 2n ** 53n)).fenced).toBe(true)
    })

    it('deletes what was seen, not what became of it', async () => {
      await store.put([{ entry: entry() }, { entry: entry('other') }])
      const [nightly, another] = await store.load()
      await other.put([{ entry: await withJitter(other) }])
      expect(await store.delete([nightly, another].flatMap((one) => one ?? []))).toBe(1)
      expect((await store.load()).map(({ name }) => name)).toEqual(['nightly'])
    })
    const withJitter = async (from: ScheduleStore): Promise<Entry> => {
      const [first] = await from.load()
      if (!first) throw new Error('nothing is stored')
      return { ...first, definition: { ...first.definition, jitterMs: 1 } }
    }

    it('tells others when entries change, not when they run', async () => {
      const heard = vi.fn()
      const unwatch = other.watch(heard)
      await store.put([{ entry: entry() }])
      await vi.waitFor(() => expect(heard).toHaveBeenCalled(), { timeout: 5_000 })
      heard.mockClear()
      await store.delete([await only()])
      await vi.waitFor(() => expect(heard).toHaveBeenCalled(), { timeout: 5_000 })
      unwatch()
    })

    it('holds thousands', async () => {
      const many = Array.from({ length: 2_000 }, (_, index) => ({ entry: entry(`entry-${index}`) }))
      expect((await store.put(many)).every((written) => written)).toBe(true)
      const advances = many.map(({ entry: { name } }) => advance({ name }))
      expect((await store.advance(advances, 1n)).written.every((written) => written)).toBe(true)
      expect((await other.load()).filter(({ state }) => state.totalRunCount === 1)).toHaveLength(2_000)
    })
  })
}
