import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chain, chord, chunks, group, map, starmap } from 'lovage'
import { createTestApp, startTestWorker } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type PostgresServer, type RedisServer, startPostgres, startRedis } from '../servers.js'

let redis: RedisServer
let postgres: PostgresServer
let folder: string
let opened = 0
beforeAll(async () => {
  ;[redis, postgres] = await Promise.all([startRedis(), startPostgres()])
  folder = mkdtempSync(join(tmpdir(), 'lovage-canvas-'))
})
afterAll(async () => {
  await Promise.all([redis?.stop(), postgres?.stop()])
  rmSync(folder, { recursive: true, force: true })
})

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
    run: (_ctx, request: { id: string; task: string | null }, error: Error, _traceback: string | null) => {
      calls.push(`error ${request.task}: ${error.name} ${error.message}`)
    },
  })
  return { app, calls, add, total, echo, fail, note, noteError }
}

describe.each([
  ['memory', () => `memory://canvas-${++opened}`],
  ['SQLite', () => `sqlite://${join(folder, `${++opened}.db`)}`],
  ['Redis', () => `${redis.url}/${++opened % 16}`],
  ['PostgreSQL', () => postgres.createDatabase(`canvas_${++opened}`)],
])('canvases on %s', (_name, freshUrl) => {
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
    const values = await result.get({ timeout: 20 })
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
})
