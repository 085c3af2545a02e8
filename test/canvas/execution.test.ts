import { chain, chord, chunks, group, map, starmap } from 'lovage'
import { createTestApp, startTestWorker } from 'lovage/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { everyStore } from '../every-store.js'

/** An app with tasks that canvases are made of, and what was called in it. */
function makeApp(url: string) {
  const app = createTestApp('canvas', { broker: url, backend: url })
  const calls: string[] = []
  const add = app.task({ name: 'add', run: (_ctx, x: number, y: number) => x + y })
  const total = app.task({
    name: 'total',
    run: (_ctx, values: number[]) => values.reduce((sum, value) => sum + value, 0),
  })
  const echo = app.task({ name: 'echo', run: (_ctx, value: unknown) => value })
  const fail = app.task({
    name: 'fail',
    run: (_ctx, message: string): number => {
      throw new RangeError(message)
    },
  })
  const note = app.task({
    name: 'note',
    run: (_ctx, value: unknown) => {
      calls.push(`note ${JSON.stringify(value)}`)
      return value
    },
  })
  const noteError = app.task({
    name: 'noteError',
    errback: 'inline',
    run: (_ctx, request: { id: string; task: string | null }, error: Error, _traceback: string | null) => {
      calls.push(`error ${request.task}: ${error.name} ${error.message}`)
    },
  })
  return { app, calls, add, total, echo, fail, note, noteError }
}

describe.each(everyStore('canvas'))('canvases on %s', (_name, freshUrl) => {
  let made: ReturnType<typeof makeApp>
  let worker: Awaited<ReturnType<typeof startTestWorker>>
  beforeEach(async () => {
    made = makeApp(await freshUrl())
    worker = await startTestWorker(made.app)
  })
  afterEach(async () => {
    await worker[Symbol.asyncDispose]()
    await made.app.close()
  })
  const soon = { timeout: 5 }

  test('a chain feeds each result to the next step', async () => {
    const { add } = made
    const result = await chain(add.s(1, 2), add.s(10), add.s(100)).delay()
    expect(await result.get(soon)).toBe(113)
    expect(await result.parent?.get(soon)).toBe(13)
    expect(await result.parent?.parent?.get(soon)).toBe(3)
    expect(result.parent?.parent?.parent).toBeNull()
  })

  test('a group gives its results in the order of its members', async () => {
    const { add } = made
    const result = await group([add.s(1, 2), add.s(3, 4), add.s(5, 6)]).delay()
    expect(await result.get(soon)).toEqual([3, 7, 11])
  })

  test('a chord gives its body the results of its header', async () => {
    const { add, total } = made
    const result = await chord([add.s(1, 2), add.s(3, 4)], total.s()).delay()
    expect(await result.get(soon)).toBe(10)
  })

  test('a header is a list, a group or one signature', async () => {
    const { add, total } = made
    expect(await (await chord(group([add.s(1, 2), add.s(3, 4)]), total.s()).delay()).get(soon)).toBe(10)
    expect(await (await chord(add.s(1, 2), total.s()).delay()).get(soon)).toBe(3)
  })

  test('a chord in a header whose body is a chain is counted once, in its own header', async () => {
    const { add, total, echo } = made
    const inner = chord([add.si(1, 2)], total.s()).pipe(add.s(10))
    const canvas = chain([echo.s('begin'), chord([inner, add.si(1, 1)], total.s())])
    expect(await (await canvas.delay()).get(soon)).toBe(15)
  })

  test('an immutable errback gets its own arguments alone', async () => {
    const { app, fail, calls } = made
    const told = app.task({
      name: 'told',
      errback: 'inline',
      run: (_ctx, ...args: readonly unknown[]) => {
        calls.push(`told ${JSON.stringify(args)}`)
      },
    })
    const result = await fail.s('no').linkError(told.si('mine')).delay()
    await expect(result.get(soon)).rejects.toThrow('RangeError: no')
    expect(calls).toEqual(['told ["mine"]'])
  })

  test('a group before a step is a chord, also in the middle of a chain', async () => {
    const { add, total } = made
    const result = await add
      .s(1, 1)
      .pipe(group([add.s(1), add.s(2)]))
      .pipe(total.s())
      .pipe(add.s(100))
      .delay()
    expect(await result.get(soon)).toBe(107)
  })

  test('a chain may end in a group', async () => {
    const { add } = made
    const result = await add
      .s(1, 1)
      .pipe(group([add.s(1), add.s(2)]))
      .delay()
    expect(await result.get(soon)).toEqual([3, 4])
  })

  test('groups, chains and chords nest in the header of a chord', async () => {
    const { add, echo, total } = made
    const header = [
      add.s(1, 2),
      group([add.s(3, 4), add.s(5, 6)]),
      chain(add.s(1, 1), add.s(1)),
      chord([add.s(1, 1), add.s(2, 2)], total.s()),
      add.s(1, 1).pipe(group([add.s(1), add.s(2)])),
    ] as const
    const result = await chord(header, echo.s()).delay()
    expect(await result.get(soon)).toEqual([3, [7, 11], 3, 6, [3, 4]])
  })

  test('an empty header gives its body an empty list', async () => {
    const { total } = made
    expect(await (await chord([], total.s()).delay()).get(soon)).toBe(0)
  })

  test('a failed step fails those after it, and its errback is called once', async () => {
    const { add, fail, noteError, calls } = made
    const result = await chain(fail.s('no'), add.s(1), add.s(2)).linkError(noteError.s()).delay()
    await expect(result.get(soon)).rejects.toThrow('RangeError: no')
    expect(await result.parent?.failed()).toBe(true)
    expect(calls).toEqual(['error fail: TaskError RangeError: no'])
  })

  test('a failed member fails the body, whose errback is called once', async () => {
    const { add, fail, total, noteError, calls } = made
    const result = await chord([add.s(1, 2), fail.s('no')], total.s())
      .pipe(add.s(1))
      .linkError(noteError.s())
      .delay()
    await expect(result.get(soon)).rejects.toMatchObject({ code: 'LVG_CHORD_FAILED' })
    await expect(result.parent?.get(soon)).rejects.toThrow(
      /^ChordError: Dependency .* raised RangeError\('no'\)$/,
    )
    expect(calls).toHaveLength(1)
  })

  test('a failure before a chord fails its body', async () => {
    const { add, fail, total } = made
    const result = await chain(fail.s('no'), group([add.s(1), add.s(2)]), total.s()).delay()
    await expect(result.get(soon)).rejects.toThrow('RangeError: no')
  })

  test('callbacks get the result, one or several', async () => {
    const { add, note, calls } = made
    await (await add.s(1, 2).link(note.s()).delay()).get(soon)
    await (await add.s(3, 4).link(note.s()).link(note.si('fixed')).delay()).get(soon)
    await expect.poll(() => [...calls].sort()).toEqual(['note "fixed"', 'note 3', 'note 7'])
  })

  test('what a member’s failure means can be said', async () => {
    const { add, fail, echo } = made
    const members = [add.s(1, 2), fail.s('no')] as const
    const settled = await group(members, { onMemberFailure: 'continue' }).pipe(echo.s()).delay()
    expect(await settled.get(soon)).toMatchObject([
      { status: 'fulfilled', value: 3 },
      { status: 'rejected', reason: { exc_type: 'RangeError' } },
    ])
    const left = await group(members, { onMemberFailure: 'ignore' }).pipe(echo.s()).delay()
    expect(await left.get(soon)).toEqual([3])
  })

  test('an iterator’s members are sent as they come', async () => {
    const { add } = made
    async function* many() {
      for (let n = 0; n < 12_000; n++) yield add.s(n, 1)
    }
    const result = await group(many()).delay()
    const values = await result.get({ timeout: 45 })
    expect(values).toHaveLength(12_000)
    expect(values.at(-1)).toBe(12_000)
  })

  test('chunks, map and starmap run a task over items', async () => {
    const { add, echo } = made
    expect(await (await map(echo.s(), [1, 2, 3]).delay()).get(soon)).toEqual([1, 2, 3])
    expect(
      await (
        await starmap(add.s(), [
          [1, 2],
          [3, 4],
        ]).delay()
      ).get(soon),
    ).toEqual([3, 7])
    const chunked = await chunks(
      add.s(),
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      2,
    ).delay()
    expect(await chunked.get(soon)).toEqual([[3, 7], [11]])
  })

  test('an errback of a chord around chords is called once, whichever level failed', async () => {
    const { add, fail, total, noteError, calls } = made
    const inner = chord([add.s(1, 2), fail.s('deep')], total.s())
    const middle = chord([inner, add.s(3, 4)], total.s())
    const result = await chord([middle, add.s(5, 6)], total.s())
      .linkError(noteError.s())
      .delay()
    await expect(result.get(soon)).rejects.toMatchObject({ code: 'LVG_CHORD_FAILED' })
    await expect.poll(() => calls.length).toBe(1)
    expect(calls[0]).toContain('ChordError')
  })

  test('a task that nobody has fails its chain and its chord, and the worker goes on', async () => {
    const { app, add, total } = made
    const nowhere = app.remote<[x: number], number>({ name: 'nowhere', options: {} })
    const chained = await chain(add.s(1, 2), nowhere.s(), add.s(1)).delay()
    await expect(chained.get(soon)).rejects.toMatchObject({ code: 'LVG_TASK_NOT_REGISTERED' })
    const gathered = await chord([add.s(1, 2), nowhere.s(1)], total.s()).delay()
    await expect(gathered.get(soon)).rejects.toMatchObject({ code: 'LVG_CHORD_FAILED' })
    expect(await (await add.delay(1, 1)).get(soon)).toBe(2)
  })

  test('a group can be kept, found again, and forgotten', async () => {
    const { app, add } = made
    const sent = await group([add.s(1, 2), add.s(3, 4)]).delay()
    await sent.save()
    const found = await app.groupResult(sent.id)
    expect(await found?.get(soon)).toEqual([3, 7])
    expect(await found?.completedCount()).toBe(2)
    await found?.delete()
    expect(await app.groupResult(sent.id)).toBeUndefined()
  })

  test('members are told as they finish', async () => {
    const { add, fail } = made
    const sent = await group([add.s(1, 2), fail.s('no'), add.s(3, 4)]).delay()
    const told: unknown[] = []
    for await (const { index, value, error } of sent)
      told.push([index, error instanceof Error ? error.message : value])
    expect(told.toSorted()).toEqual([
      [0, 3],
      [1, 'RangeError: no'],
      [2, 7],
    ])
  })

  test('what a task led to is drawn, and gathered', async () => {
    const { app, add, echo } = made
    const split = app.task({
      name: 'split',
      run: async (ctx, x: number) => {
        await add.delay(x, 1)
        throw ctx.replace(group([add.s(x, 10), add.s(x, 20)]).pipe(echo.s()))
      },
    })
    const leads = app.task({
      name: 'leads',
      run: async () => {
        await group([add.s(1, 2), add.s(3, 4)]).delay()
        return 'led'
      },
    })
    const sent = await leads.delay()
    expect(await sent.get(soon)).toBe('led')
    const values: unknown[] = []
    for await (const [, value] of sent.collect(soon)) values.push(value)
    expect(values).toEqual(['led', 3, 7])
    const graph = await sent.graph()
    expect(graph.nodes.map(({ kind, state }) => [kind, state])).toEqual([
      ['task', 'SUCCESS'],
      ['group', undefined],
      ['task', 'SUCCESS'],
      ['task', 'SUCCESS'],
    ])
    expect(graph.edges).toHaveLength(3)
    expect(graph.toDot()).toContain(`"${sent.id}" -> "${graph.nodes[1]?.id}";`)
    expect(graph.toMermaid()).toContain('  n0 --> n1\n  n1 --> n2')
    expect((await sent.graph({ limit: 2 })).isCut).toBe(true)
    expect(await (await split.delay(1)).get(soon)).toEqual([11, 21])
  })

  test('stamps reach every task of a canvas, and what is called back', async () => {
    const { app, total } = made
    const seen: unknown[] = []
    const stampsOf = app.task({
      name: 'stampsOf',
      run: (ctx, ..._given: unknown[]) => {
        seen.push({ ...ctx.stamps })
        return 1
      },
    })
    const canvas = chord([stampsOf.s(1), stampsOf.s(2)], total.s().link(stampsOf.s()))
    const sent = await canvas
      .stamp({ onSignature: () => ({ tenant: 'acme' }), onCallback: () => ({ isCallback: true }) })
      .delay()
    expect(await sent.get(soon)).toBe(2)
    await expect.poll(() => seen.length, { timeout: 5000 }).toBe(3)
    expect(seen).toContainEqual({ tenant: 'acme', isCallback: true })
    expect(seen.filter((stamps) => JSON.stringify(stamps) === '{"tenant":"acme"}')).toHaveLength(2)
  })

  test('a signature in a message that nobody can read fails its task, and nothing else', async () => {
    const { app, add } = made
    const broken = { task: 7, args: 'x' }
    const id = 'broken'
    const { encodeTask } = await import('../../packages/lovage/src/message/index.js')
    const broker = await coreOf(app).broker()
    await broker.publish([
      encodeTask(
        {
          task: 'add',
          id,
          args: [1, 2],
          kwargs: {},
          // From the wire nobody knows what comes.
          embed: { callbacks: [broken] as never, errbacks: null, chain: null, chord: null },
          routingKey: 'celery',
        },
        { nowMs: Date.now() },
      ),
    ])
    await expect(app.asyncResult(id).get(soon)).rejects.toThrow(/signature/)
    expect(await (await add.delay(1, 1)).get(soon)).toBe(2)
  })
})

test('a chord whose results cannot be counted is refused when it is sent', async () => {
  const app = createTestApp('uncounted', { broker: 'memory://uncounted', backend: 'disabled://' })
  const one = app.task({ name: 'one', run: () => 1 })
  const sum = app.task({ name: 'sum', run: (_ctx, values: number[]) => values.length })
  await expect(chord([one.s()], sum.s()).delay()).rejects.toMatchObject({ code: 'LVG_RESULT_DISABLED' })
  await app.close()
})

test('a chain of nothing is refused when it is made', () => {
  // @ts-expect-error The compiler refuses it too.
  expect(() => chain()).toThrow('A chain needs at least one step.')
})
