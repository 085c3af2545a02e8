import fc from 'fast-check'
import type { Event } from 'lovage'
import { readTaskEvent } from 'lovage/monitor'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseSearch } from '../search/parse-search.js'
import { GatheredTask } from './gathered-task.js'
import type { HistoryStore, TaskQuery } from './history-store.js'
import { testsOfPeople } from './people.suite.js'
import { matches } from './plain-search.suite.js'
import type { TaskSummary } from './task-entry.js'
import type { TaskRecord } from './task-record.js'

const NOW = Date.parse('2026-11-29T12:00:00Z')
let clock = 0

/** A record that these events add up to. */
export function recordFrom(id: string, ...events: readonly Readonly<Record<string, unknown>>[]): TaskRecord {
  const task = new GatheredTask(id)
  for (const fields of events) {
    const event = {
      type: 'task-received',
      uuid: id,
      hostname: 'w1@box',
      pid: 1,
      clock: ++clock,
      timestamp: NOW / 1000,
      ...fields,
    }
    const told = readTaskEvent(event as Event)
    if (told) task.add(told)
  }
  return task.record()
}

const planOf = (q: string): TaskQuery['plan'] => {
  const parsed = parseSearch(q, { nowMs: NOW })
  if (!parsed.ok) throw new Error(parsed.error.message)
  return { node: parsed.node }
}

/** The contract of every history. @param open Opens the history of this test again, as another process would. */
export function describeHistory(
  name: string,
  open: () => Promise<HistoryStore>,
  clean: () => Promise<void>,
): void {
  describe(`a history in ${name}`, () => {
    let store: HistoryStore
    beforeEach(async () => {
      store = await open()
    })
    afterEach(async () => {
      await store.close()
      await clean()
    })
    const history = {
      get store() {
        return store
      },
      async reopen() {
        await store.close()
        store = await open()
      },
    }
    testsOfPeople(history, NOW)
    const write = (tasks: readonly TaskRecord[], ms = NOW): Promise<void> =>
      store.write({ tasks, rollups: [], heardUntilMs: ms })
    const ids = async (q: string, more: Partial<TaskQuery> = {}): Promise<string[]> =>
      (await store.tasks({ plan: planOf(q), limit: 100, ...more })).items.map(({ id }) => id)

    test('adds up what is told in several batches, in whatever order, and through a restart', async () => {
      await write([
        recordFrom('a', {
          type: 'task-sent',
          name: 'mail.send',
          queue: 'mail',
          hostname: 'web@box',
          args: '(1,)',
        }),
      ])
      const late = recordFrom('a', { name: 'mail.send', retries: 0 })
      await write([
        recordFrom('a', { type: 'task-started' }, { type: 'task-succeeded', result: '3', runtime: 0.5 }),
      ])
      await history.reopen()
      await write([late, recordFrom('b', { name: 'other' })])
      const [task] = await store.find(['a', 'nobody'])
      expect(task).toMatchObject({
        id: 'a',
        name: 'mail.send',
        state: 'SUCCESS',
        worker: 'w1@box',
        client: 'web@box',
        queue: 'mail',
        args: '(1,)',
        result: '3',
        runtime: 0.5,
        endedMs: NOW,
        traceback: null,
        untold: 0,
      })
      expect(task?.timeline.map(({ kind }) => kind).sort()).toEqual([
        'received',
        'sent',
        'started',
        'succeeded',
      ])
      expect(await ids('')).toEqual(['b', 'a'])
      expect(await store.heardUntil()).toBe(NOW)
      expect((await store.size()).tasks).toBe(2)
    })

    test('takes a batch that comes twice for one', async () => {
      const batch = [
        recordFrom('a', { name: 'n' }, { type: 'task-failed', exception: 'E()', traceback: 'at' }),
      ]
      await write(batch)
      await write(batch)
      const [task] = await store.find(['a'])
      expect(task).toMatchObject({ state: 'FAILURE', exception: 'E()', traceback: 'at' })
      expect(task?.timeline).toHaveLength(2)
    })

    test('adds up what two dashboards write to it, as when one takes over from the other', async () => {
      const other = await open()
      try {
        await write([recordFrom('a', { name: 'mail.send' })])
        const news = [recordFrom('a', { type: 'task-started' }), recordFrom('b', { name: 'of the other' })]
        await other.write({ tasks: news, rollups: [], heardUntilMs: NOW })
        await write([recordFrom('a', { type: 'task-succeeded', result: '3' }), recordFrom('c', {})])
        const [task] = await other.find(['a'])
        expect(task).toMatchObject({ name: 'mail.send', state: 'SUCCESS', startedMs: NOW, endedMs: NOW })
        expect(task?.timeline.map(({ kind }) => kind).sort()).toEqual(['received', 'started', 'succeeded'])
        expect((await ids('')).sort()).toEqual(['a', 'b', 'c'])
        expect(await ids('other')).toEqual(['b'])
        expect(await ids('state:SUCCESS')).toEqual(['a'])
      } finally {
        await other.close()
      }
    })

    test('keeps the beginning and the end of what an endless task tells', async () => {
      for (let batch = 0; batch < 10; batch++) {
        const told = Array.from({ length: 100 }, (_, n) => ({
          type: 'task-progress',
          percent: n,
          timestamp: NOW / 1000 + batch * 100 + n,
        }))
        await write([recordFrom('a', ...told)])
      }
      const [task] = await store.find(['a'])
      expect(task?.timeline.length).toBeLessThan(400)
      expect((task?.timeline.length ?? 0) + (task?.untold ?? 0)).toBe(1000)
      expect(task?.timeline.at(-1)?.ms).toBe(NOW + 999_000)
    })

    test('turns pages to both sides, without a gap and without a double', async () => {
      const all = Array.from({ length: 25 }, (_, n) =>
        recordFrom(`t${String(n).padStart(2, '0')}`, { name: n % 2 ? 'odd' : 'even' }),
      )
      await write(all.slice(0, 10), NOW)
      await write(all.slice(10), NOW + 5000)
      const seen: TaskSummary[] = []
      let before: number | undefined
      do {
        const page = await store.tasks({ plan: planOf('name:odd'), limit: 5, ...(before ? { before } : {}) })
        seen.push(...page.items)
        before = page.next
      } while (before !== undefined)
      expect(seen.map(({ id }) => id)).toEqual(
        all
          .filter((_, n) => n % 2)
          .map(({ id }) => id)
          .reverse(),
      )
      const fourth = seen[5]?.key ?? 0
      const back = await store.tasks({ plan: planOf('name:odd'), limit: 3, after: fourth })
      expect(back.items.map(({ id }) => id)).toEqual(seen.slice(2, 5).map(({ id }) => id))
      expect(back.isWhole).toBe(false)
    })

    test('finds exactly what matches, whatever is searched', async () => {
      const text = fc.constantFrom('alpha', 'beta', 'Gamma ray', 'x', 'é É', 'order-4711', "{'a': 1}", '')
      const state = fc.constantFrom('task-received', 'task-started', 'task-succeeded', 'task-failed')
      const task = fc.record({
        name: text,
        args: text,
        type: state,
        worker: fc.constantFrom('w1', 'w2'),
        at: fc.nat(100),
      })
      const term = fc.constantFrom(
        'alpha',
        'ALPHA',
        'ray',
        'é',
        'name:bet',
        'state:SUCCESS',
        'worker:w2',
        '4711',
        'name:=beta',
        'kwargs:a=1',
        'received:>1h',
        'args:"gamma r"',
        'id:id-1',
        'zzz',
      )
      const joined = fc.tuple(
        term,
        fc.constantFrom(' ', ' OR ', ' NOT ', ' -'),
        term,
        fc.constantFrom(' AND ', ' OR '),
        term,
      )
      await fc.assert(
        fc.asyncProperty(fc.array(task, { minLength: 1, maxLength: 12 }), joined, async (tasks, words) => {
          const q = words.join('')
          const records = tasks.map(({ name, args, type, worker, at }, n) =>
            recordFrom(
              `id-${n}-${++clock}`,
              { name, args, type: 'task-received', hostname: worker, timestamp: NOW / 1000 - at * 72 },
              { type, hostname: worker },
            ),
          )
          await write(records)
          const found = new Set(await ids(q, { limit: 500, budget: 1e9 }))
          const { node } = planOf(q)
          expect([q, await store.count(node, 1e9)]).toEqual([q, { count: found.size, isExact: true }])
          for (const record of records)
            expect([q, record, found.has(record.id)]).toEqual([q, record, matches(node, record)])
        }),
        { numRuns: 60 },
      )
    }, 120_000)

    test('finds the few that are not of the usual state in one page, however many there are', async () => {
      const ended = (type: string, n: number) =>
        recordFrom(`${type}-${n}`, { name: 'n', type: 'task-received' }, { type: `task-${type}` })
      await write([ended('failed', 0), ended('revoked', 0)])
      for (let batch = 0; batch < 8; batch++)
        await write(
          Array.from({ length: 1000 }, (_, n) => ended('succeeded', batch * 1000 + n)),
          NOW + 1000 + batch * 1000,
        )
      const page = (q: string) => store.tasks({ plan: planOf(q), limit: 10, budget: 2000 })
      expect(await page('NOT state:SUCCESS')).toMatchObject({
        items: [{ state: 'REVOKED' }, { state: 'FAILURE' }],
        isWhole: true,
      })
      expect((await page('-state:SUCCESS -state:FAILURE name:n')).items).toHaveLength(1)
      expect((await page('NOT (state:SUCCESS OR state:REVOKED)')).items).toMatchObject([{ state: 'FAILURE' }])
      expect(await page('NOT (state:SUCCESS OR state:REVOKED OR state:FAILURE)')).toMatchObject({
        items: [],
        isWhole: true,
      })
      expect((await page('NOT state:PENDING')).items).toHaveLength(10)
    })

    test('counts what a search finds, and says how far one came that found too little', async () => {
      for (let batch = 0; batch < 6; batch++)
        await write(
          Array.from({ length: 1000 }, (_, n) =>
            recordFrom(`${batch}-${n}`, { name: 'common', args: `${n}` }),
          ),
          NOW + batch * 1000,
        )
      const page = await store.tasks({ plan: planOf('-name:common'), limit: 10, budget: 2000 })
      expect(page).toMatchObject({ items: [], isWhole: false })
      expect(page.looked).toBeLessThan(6000)
      const rest = await store.tasks({
        plan: planOf('-name:common'),
        limit: 10,
        ...(page.next ? { before: page.next } : {}),
      })
      expect(rest).toMatchObject({ items: [], isWhole: true })
      expect(await store.count(planOf('name:common').node, 10_000)).toEqual({ count: 6000, isExact: true })
      expect(await store.count(planOf('').node, 10)).toEqual({ count: 6000, isExact: true })
      expect(await store.count(planOf('-name:common').node, 10)).toEqual({ count: 0, isExact: true })
      const many = await store.count(planOf('common').node, 1000)
      expect([many.isExact, many.count >= 1000]).toEqual([false, true])
      // What no task has costs nothing.
      const none = await store.tasks({ plan: planOf('nowhere'), limit: 10, budget: 2000 })
      expect(none).toMatchObject({ isWhole: true, looked: 6000 })
    })

    test('finds the oldest of many tasks as soon as it is opened, and later, in both directions', async () => {
      const many = 18_000
      for (let from = 0; from < many; from += 1000)
        await write(
          Array.from({ length: 1000 }, (_, n) =>
            recordFrom(`id-${from + n}`, { name: (from + n) % 6000 === 17 ? 'rare.task' : 'n' }),
          ),
          NOW + from,
        )
      const other = await open()
      const rare = { plan: planOf('rare.task'), limit: 2 }
      const look = async (): Promise<void> => {
        const page = await other.tasks(rare)
        expect(page.items.map(({ id }) => id)).toEqual(['id-12017', 'id-6017'])
        const last = await other.tasks({ ...rare, before: page.next ?? 0 })
        expect(last.items.map(({ id }) => id)).toEqual(['id-17'])
        const back = await other.tasks({ ...rare, after: last.items[0]?.key ?? 0 })
        expect(back.items.map(({ id }) => id)).toEqual(['id-12017', 'id-6017'])
        expect(await other.count(planOf('rare.task').node, many)).toEqual({ count: 3, isExact: true })
      }
      // At once a part of it is in memory, and soon all.
      await look()
      for (let n = 0; n < 20; n++) await other.size()
      await look()
      // What changes in the middle, by another, is found too.
      await write([recordFrom('id-9000', { name: 'rare.task', type: 'task-succeeded' })], NOW + many)
      expect(await store.count(planOf('rare.task').node, many)).toEqual({ count: 4, isExact: true })
      await other.write({ tasks: [recordFrom('new', { name: 'rare.task' })], rollups: [], heardUntilMs: NOW })
      expect(await other.count(planOf('rare.task').node, many)).toEqual({ count: 5, isExact: true })
      await other.close()
    }, 60_000)

    test('keeps what its bounds say, the newest', async () => {
      const bounds = { taskMs: 1e12, taskRows: 1500, minuteMs: 1e12, hourMs: 1e12, auditMs: 1e12 }
      for (let batch = 0; batch < 4; batch++)
        await write(
          Array.from({ length: 1024 }, (_, n) => recordFrom(`${batch}-${n}`, { name: 'n' })),
          NOW + batch * 60_000,
        )
      while ((await store.prune(bounds, NOW)) > 0);
      const { tasks } = await store.size()
      expect(tasks).toBeGreaterThanOrEqual(1500)
      expect(tasks).toBeLessThan(3000)
      expect((await store.find(['0-0', '3-1023'])).map(({ id }) => id)).toEqual(['3-1023'])
      while ((await store.prune({ ...bounds, taskMs: 60_000 }, NOW + 10_000_000)) > 0);
      expect((await store.size()).tasks).toBeLessThanOrEqual(1024)
      // What a removed task still tells is kept.
      await write([recordFrom('2-500', { type: 'task-succeeded', result: '3' })], NOW + 10_000_000)
      expect(await store.find(['2-500'])).toMatchObject([{ state: 'SUCCESS', name: null }])
    })

    test('counts by minute and by hour, for each task and for all', async () => {
      const change = {
        minuteMs: NOW,
        name: 'a',
        kind: 'succeeded',
        count: 2,
        runtimeMs: 30,
        maxRuntimeMs: 20,
      }
      const rollups = [
        change,
        { ...change, name: '' },
        { ...change, minuteMs: NOW + 60_000, maxRuntimeMs: 90 },
      ]
      await store.write({ tasks: [], rollups, heardUntilMs: NOW })
      await store.write({ tasks: [], rollups: [change], heardUntilMs: NOW })
      const span = { fromMs: NOW - 3_600_000, toMs: NOW + 3_600_000 }
      expect(await store.series({ step: 'minute', name: 'a', ...span })).toEqual([
        { ms: NOW, name: 'a', kind: 'succeeded', count: 4, runtimeMs: 60, maxRuntimeMs: 20 },
        { ms: NOW + 60_000, name: 'a', kind: 'succeeded', count: 2, runtimeMs: 30, maxRuntimeMs: 90 },
      ])
      expect(await store.series({ step: 'hour', each: true, ...span })).toEqual([
        { ms: NOW, name: 'a', kind: 'succeeded', count: 6, runtimeMs: 90, maxRuntimeMs: 90 },
      ])
      expect(await store.series({ step: 'hour', ...span })).toMatchObject([{ name: '', count: 2 }])
    })

    test('reads whole tasks page by page, as it finds them by their ids', async () => {
      await write(
        Array.from({ length: 7 }, (_, n) =>
          recordFrom(`t${n}`, { name: 'n', root_id: 'r' }, { type: 'task-failed', traceback: `line ${n}` }),
        ),
      )
      const query = { plan: planOf('name:n'), limit: 4 }
      const first = await store.entries(query)
      const rest = await store.entries({
        ...query,
        ...(first.next === undefined ? {} : { before: first.next }),
      })
      const found = [...first.items, ...rest.items]
      expect(found.map(({ id }) => id)).toEqual(['t6', 't5', 't4', 't3', 't2', 't1', 't0'])
      expect(await store.find(found.map(({ id }) => id))).toEqual(found)
    })

    test('joins the members of groups, of which events and results tell', async () => {
      await write([
        recordFrom('m1', { root_id: 'm1', group_id: 'g' }),
        recordFrom('m2', { root_id: 'm2', group_id: 'g' }),
        recordFrom('body', { root_id: 'm2', parent_id: 'm2', group_id: 'g' }),
        recordFrom('alone', { root_id: 'alone' }),
        recordFrom('bare', {}),
      ])
      expect((await store.family(['g'], 10)).map(({ id }) => id)).toEqual(['m1', 'm2', 'body'])
      expect((await store.family(['m1', 'm2'], 10)).map(({ id }) => id)).toEqual(['m1', 'm2', 'body'])
      expect(await store.family([], 10)).toEqual([])
      const found = await store.workflowTasks(9)
      expect(found.map(({ workflowId }) => workflowId)).toEqual(['m2', 'g', 'g'])
      expect((await store.workflowTasks(9, found[1]?.key)).map(({ workflowId }) => workflowId)).toEqual(['g'])
      // A result tells the group of a task whose events did not.
      await write([{ ...recordFrom('alone'), groupId: 'h' }])
      expect((await store.family(['h'], 10)).map(({ id }) => id)).toEqual(['alone'])
    })

    test('knows workflows, values of fields, gaps, and what people did', async () => {
      await write([
        recordFrom('r', { name: 'root', root_id: 'r' }),
        recordFrom('c', { name: 'child', root_id: 'r', parent_id: 'r' }),
        recordFrom('x', { name: 'root', root_id: 'x' }),
      ])
      expect((await store.family(['r'], 10)).map(({ id, parentId }) => [id, parentId])).toEqual([
        ['r', null],
        ['c', 'r'],
      ])
      expect((await store.workflowTasks(5)).map(({ workflowId }) => workflowId)).toEqual(['r'])
      expect(await store.facets('name', 5)).toEqual([
        { value: 'root', count: 2 },
        { value: 'child', count: 1 },
      ])
      const gap = { fromMs: NOW, toMs: null, reason: 'down', lostEvents: null, filled: 0 } as const
      await store.putGap(gap)
      await store.putGap({ ...gap, toMs: NOW + 5, filled: 3 })
      expect(await store.gaps(5)).toEqual([{ ...gap, toMs: NOW + 5, filled: 3 }])
      const done = {
        ms: NOW,
        person: 'ada',
        role: 'admin',
        action: 'queue.purge',
        target: 'mail',
        count: 3,
        outcome: 'done',
        details: '',
      } as const
      await store.audit([done, { ...done, person: 'bob' }])
      expect(await store.auditTrail({ limit: 5, person: 'ada' })).toMatchObject([done])
      const [newest] = await store.auditTrail({ limit: 1 })
      expect(newest?.person).toBe('bob')
      expect(await store.auditTrail({ limit: 5, before: newest?.key ?? 0 })).toMatchObject([
        { person: 'ada' },
      ])
    })
  })
}
