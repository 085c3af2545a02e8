import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../kernel/index.js'
import type { ArrivedPart, CompletedJoin, Join, JoinPart, JoinStore } from './join-store.js'
import type { ResultServer } from './result-backend.suite.js'

/** The suite's view of a driver. */
export interface JoinStoreUnderTest {
  readonly name: string
  readonly start: () => Promise<ResultServer>
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[]
}

/** The contract of every result backend's join store. */
export function describeJoinStore({ name, start, skip = [] }: JoinStoreUnderTest): void {
  describe(`joins in ${name}`, () => {
    let server: ResultServer
    let mine: JoinStore
    let theirs: JoinStore
    const closings: (() => Promise<void>)[] = []
    const openJoins = async (): Promise<JoinStore> => {
      const backend = await server.open()
      closings.push(() => backend.close())
      if (!backend.joins) throw new Error(`${name} has no joins`)
      return backend.joins
    }
    beforeAll(async () => {
      server = await start()
      mine = await openJoins()
      theirs = await openJoins()
    })
    afterAll(async () => {
      for (const close of closings) await close()
      await server?.stop()
    })
    const reasons = new Map(skip.flatMap(({ reason, tests }) => tests.map((title) => [title, reason])))
    const check = (title: string, body: () => Promise<void>): void => {
      const reason = reasons.get(title)
      reasons.delete(title)
      test(title, async (context) => {
        if (reason !== undefined) return context.skip(reason)
        await body()
      })
    }

    check('are completed by their last part, and hand out all parts in order', async () => {
      const join = joinOf(3)
      await mine.open([join])
      const [a, b, c] = [part(join, 0), part(join, 1, { state: 'FAILURE' }), part(join, 2)]
      expect(await mine.arrive([c])).toEqual([])
      expect(await theirs.arrive([a])).toEqual([])
      expect(await mine.arrive([b])).toEqual([
        { id: join.id, body: join.body, parts: [a, b, c].map(arrived), expired: false },
      ])
    })

    check('count a task once, and keep what it said first', async () => {
      const join = joinOf(2)
      await mine.open([join])
      const first = part(join, 0, { resultJson: '"first"' })
      expect(await mine.arrive([first, { ...first, resultJson: '"second"' }])).toEqual([])
      expect(await theirs.arrive([{ ...first, resultJson: '"third"' }])).toEqual([])
      const [completed] = await mine.arrive([part(join, 1)])
      expect(completed?.parts[0]?.result).toBe('first')
    })

    check('are completed for exactly one of many who deliver at once', async () => {
      const join = joinOf(61)
      await mine.open([join])
      const parts = Array.from({ length: 61 }, (_, index) => part(join, index))
      // Every part comes twice, by different ways.
      const answers = await Promise.all(
        [...parts, ...parts].map((one, index) => (index % 2 ? mine : theirs).arrive([one])),
      )
      const completions = answers.flat()
      const completing = new Set(answers.flatMap((answer, index) => (answer.length > 0 ? [index % 61] : [])))
      // The part that completed the join may have done it again when it was repeated; no other may.
      expect(completing.size).toBe(1)
      expect(completions.length).toBeLessThanOrEqual(2)
      expect(completions[0]?.parts).toHaveLength(61)
    })

    check('of one call are completed together, each once', async () => {
      const joins = [joinOf(2), joinOf(1), joinOf(2)] as const
      await mine.open(joins)
      const [a, b, c] = joins
      const completed = await mine.arrive([part(a, 0), part(b, 0), part(a, 1), part(c, 0), part(a, 1)])
      expect(new Set(completed.map(({ id }) => id))).toEqual(new Set([a.id, b.id]))
      expect(completed).toHaveLength(2)
    })

    check('leave out parts of joins that are over, or that nobody opened', async () => {
      const join = joinOf(1)
      await mine.open([join])
      expect(await mine.arrive([part(join, 0)])).toHaveLength(1)
      // One too many cannot change what has been handed out.
      expect(await theirs.arrive([part(join, 1)])).toEqual([])
      await mine.finish([join.id, newId()])
      expect(await mine.arrive([part(join, 0), part(joinOf(1), 0)])).toEqual([])
      expect(await mine.arrive([])).toEqual([])
    })

    check('are completed again by the part that completed them, while nobody has finished them', async () => {
      const join = joinOf(2)
      await mine.open([join])
      const [first, last] = [part(join, 0), part(join, 1)]
      await mine.arrive([first])
      const [completed] = await mine.arrive([last])
      // Its worker died before it published the body; the message came back to another.
      expect(await theirs.arrive([last])).toEqual([completed])
      expect(await theirs.arrive([first])).toEqual([])
      await theirs.finish([join.id])
      expect(await mine.arrive([last])).toEqual([])
    })

    check('are handed out again, to one, when their taker has not finished them in time', async () => {
      const [lost, held, done] = [joinOf(1), joinOf(1), joinOf(1)]
      await mine.open([lost, held, done])
      const [completed] = await mine.arrive([part(lost, 0)], { holdMs: 1 })
      await mine.arrive([part(held, 0)], { holdMs: 60_000 })
      await mine.arrive([part(done, 0)], { holdMs: 1 })
      await mine.finish([done.id])
      const again = await due([mine, theirs], [lost])
      expect(again).toEqual([completed])
      // It has a taker now.
      expect(await owed([mine, theirs], [lost, held, done])).toEqual([])
      await theirs.finish([lost.id, held.id])
    })

    check('are handed out incomplete at their deadline, and take no more parts', async () => {
      const join = joinOf(3, { deadlineMs: Date.now() + 30 })
      const later = joinOf(3)
      await mine.open([join, later])
      const [came, missed] = [part(join, 1), part(join, 0)]
      await mine.arrive([came])
      const [expired] = await due([mine, theirs], [join, later])
      expect(expired).toEqual({ id: join.id, body: join.body, parts: [arrived(came)], expired: true })
      expect(await mine.arrive([missed, part(join, 2)])).toEqual([])
      await mine.open([{ ...join, deadlineMs: Date.now() + 60_000 }])
      await mine.finish([join.id])
      expect(await owed([mine, theirs], [join, later])).toEqual([])
    })

    check('that expired are handed out again as they were, until they are finished', async () => {
      const join = joinOf(2, { deadlineMs: Date.now() - 1 })
      await mine.open([join])
      await mine.arrive([part(join, 1)])
      const first = await due([mine], [join], 1)
      await mine.arrive([part(join, 0)])
      expect(await due([theirs], [join], 1)).toEqual(first)
      await mine.finish([join.id])
      expect(await owed([mine, theirs], [join])).toEqual([])
    })

    check('past their deadline may still be completed, as long as nobody has taken them', async () => {
      const join = joinOf(1, { deadlineMs: Date.now() - 1 })
      await mine.open([join])
      const [completed] = await mine.arrive([part(join, 0)])
      expect(completed?.expired).toBe(false)
      await mine.finish([join.id])
    })

    check('wait for a size that comes late', async () => {
      const join = joinOf(2)
      await mine.open([{ ...join, size: null }])
      expect(await mine.arrive([part(join, 0)])).toEqual([])
      await theirs.open([join])
      const completed = await mine.arrive([part(join, 1)])
      expect(completed[0]?.parts).toHaveLength(2)
      await mine.finish([join.id])
    })

    check('are completed by their opening when all parts came before their size', async () => {
      const join = joinOf(2)
      await mine.open([{ ...join, size: null }])
      await mine.arrive([part(join, 0), part(join, 1)])
      const [completed] = await mine.open([join], { holdMs: 1 })
      expect(completed).toMatchObject({ id: join.id, expired: false })
      expect(completed?.parts).toHaveLength(2)
      expect(await theirs.open([join])).toEqual([])
      expect(await due([theirs], [join])).toEqual([completed])
      await mine.finish([join.id])
    })

    check('keep the shape of a header in which groups are', async () => {
      const join = joinOf(1)
      const shape = [[join.id, null], [[['t', null], null]]] as const
      await mine.open([{ ...join, shape }])
      expect(await theirs.arrive([part(join, 0)])).toMatchObject([{ shape }])
      await mine.finish([join.id])
    })

    check('keep what has arrived when they are opened again', async () => {
      const join = joinOf(3)
      await mine.open([join])
      await mine.arrive([part(join, 0)])
      await theirs.open([{ ...join, size: 2, body: '{"task":"other"}' }])
      expect(await mine.arrive([part(join, 1)])).toMatchObject([{ body: '{"task":"other"}' }])
      // Too late for a change.
      await mine.open([joinOf(9, { id: join.id })])
      expect(await owed([mine], [join])).toEqual([])
      await mine.finish([join.id])
    })

    check('can be extended, by each task once, until they are over', async () => {
      const join = joinOf(1)
      await mine.open([join])
      const extra = newId()
      expect(await mine.extend(join.id, [extra])).toBe(true)
      expect(await theirs.extend(join.id, [extra])).toBe(true)
      expect(await mine.arrive([part(join, 0)])).toEqual([])
      const [completed] = await mine.arrive([part(join, null, { taskId: extra })])
      expect(completed?.parts.map(({ taskId }) => taskId).at(-1)).toBe(extra)
      expect(await mine.extend(join.id, [newId()])).toBe(false)
      expect(await mine.extend(newId(), [newId()])).toBe(false)
      await mine.finish([join.id])
    })

    check('carry values and bodies of any text; a value that cannot be read is a failure', async () => {
      const join = joinOf(3, { body: '{"task":"t.é","args":["\\"😀\\u0000"]}' })
      await mine.open([join])
      await mine.arrive([part(join, 0, { resultJson: '["😀","\\u0000\\n\\"é",NaN]' })])
      await mine.arrive([part(join, 1, { resultJson: '{"a":12345678901234567890}' })])
      const [completed] = await mine.arrive([part(join, 2)])
      expect(completed?.body).toBe(join.body)
      expect(completed?.parts.map(({ state, result }) => [state, result])).toEqual([
        ['SUCCESS', ['😀', '\u0000\n"é', Number.NaN]],
        ['FAILURE', expect.objectContaining({ exc_type: 'ResultError' })],
        ['SUCCESS', 2],
      ])
      await mine.finish([join.id])
    })

    check('may have ten thousand parts', async () => {
      const join = joinOf(10_000)
      await mine.open([join])
      const parts = Array.from({ length: 10_000 }, (_, index) => part(join, index))
      const completed: CompletedJoin[] = []
      for (let at = 0; at < parts.length; at += 1000)
        completed.push(...(await mine.arrive(parts.slice(at, at + 1000).reverse())))
      expect(completed).toHaveLength(1)
      expect(completed[0]?.parts.map(({ index }) => index)).toEqual(parts.map(({ index }) => index))
      await mine.finish([join.id])
    })

    check('stand beside groups that are saved under their name', async () => {
      const [id, a, b] = [newId(), newId(), newId()]
      expect(await mine.group(id)).toBeUndefined()
      await mine.saveGroup([[id, null], [[[a, null], null]]])
      const group = [
        [id, [['parent', null], null]],
        [
          [[a, null], null],
          [[b, null], []],
        ],
      ] as const
      await mine.saveGroup(group)
      expect(await theirs.group(id)).toEqual(group)
      await theirs.forgetGroup(id)
      expect(await mine.group(id)).toBeUndefined()
      await mine.forgetGroup(id)
    })

    if (reasons.size > 0) throw new Error(`No such tests to skip: ${[...reasons.keys()].join('; ')}`)
  })
}

function joinOf(size: number, more: Partial<Join> = {}): Join {
  const id = newId()
  const body = `{"task":"t.sum","options":{"task_id":"${id}"}}`
  return { id, size, body, deadlineMs: Date.now() + 60_000, ...more }
}

function part({ id: joinId }: Join, index: number | null, more: Partial<JoinPart> = {}): JoinPart {
  return { joinId, taskId: newId(), index, state: 'SUCCESS', resultJson: `${index}`, ...more }
}

/** A part as recorded by its join. */
const arrived = ({ taskId, index, state, resultJson }: JoinPart): ArrivedPart => ({
  taskId,
  index,
  state,
  result: JSON.parse(resultJson),
})

/** The joins among these that are owed now; other tests' joins may be owed as well. */
async function owed(
  stores: readonly JoinStore[],
  joins: readonly Join[],
  holdMs = 60_000,
): Promise<CompletedJoin[]> {
  const ids = new Set(joins.map(({ id }) => id))
  const found = await Promise.all(stores.map((store) => store.due({ holdMs, limit: 1000 })))
  return found.flat().filter(({ id }) => ids.has(id))
}

/** Asks until something of these joins is owed. */
async function due(
  stores: readonly JoinStore[],
  joins: readonly Join[],
  holdMs = 60_000,
): Promise<CompletedJoin[]> {
  for (const untilMs = Date.now() + 10_000; Date.now() < untilMs; ) {
    const found = await owed(stores, joins, holdMs)
    if (found.length > 0) return found
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('nothing is owed')
}
