import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../kernel/index.js'
import type { ResultBackend, TaskResult } from './result-backend.js'
import { type Check, type ResultBackendUnderTest, type ResultTester, record } from './tester.suite.js'
import { watchTests } from './watch.suite.js'

export type { ResultBackendUnderTest, ResultServer } from './tester.suite.js'

/** The contract of every result backend. */
export function describeResultBackend({ name, start, skip = [] }: ResultBackendUnderTest): void {
  describe(`results in ${name}`, () => {
    let tester: ResultTester
    beforeAll(async () => {
      const server = await start()
      tester = { server, backend: await server.open(), other: await server.open() }
    })
    afterAll(async () => {
      // A server that failed to start has nothing to stop.
      await tester?.backend.close()
      await tester?.other.close()
      await tester?.server.stop()
    })
    const reasons = new Map(skip.flatMap(({ reason, tests }) => tests.map((title) => [title, reason])))
    const check: Check = (title, body, means) => {
      const reason = reasons.get(title)
      reasons.delete(title)
      test(title, async (context) => {
        if (reason !== undefined) return context.skip(reason)
        if (means && !tester.server[means]) return context.skip(`the driver's test server has no ${means}`)
        await body(tester)
      })
    }
    recordTests(check)
    stateTests(check)
    watchTests(check)
    removalTests(check)
    if (reasons.size > 0) throw new Error(`No such tests to skip: ${[...reasons.keys()].join('; ')}`)
  })
}

function recordTests(check: Check): void {
  check('are found by id, by whoever asks, and unknown ids are left out', async ({ backend, other }) => {
    const [a, b] = [record(), record()]
    await backend.store([a, b])
    for (const asked of [backend, other]) {
      const found = await asked.get([a.id, newId(), b.id])
      expect(new Set(found.map(({ id }) => id))).toEqual(new Set([a.id, b.id]))
    }
    expect(await backend.get([])).toEqual([])
    await backend.store([])
  })

  check('keep everything that is known of a task', async ({ backend, other }) => {
    const id = newId()
    const full = record({
      id,
      state: 'FAILURE',
      result: { exc_type: 'ValueError', exc_message: ['boom', 42], exc_module: 'builtins' },
      traceback: 'Error: boom\n    at é',
      children: [
        [[newId(), [[id, null], null]], null],
        [['group', null], [[[newId(), null], null]]],
      ],
      groupId: 'g',
      parentId: 'p',
      extended: {
        name: 't.add',
        args: [1, 'é'],
        kwargs: { y: null },
        worker: 'w@h',
        retries: 2,
        queue: 'q',
        stamps: { tenant: 'acme', tags: ['a', 'b'] },
      },
    })
    await backend.store([full])
    const { resultJson: _, ...expected } = full
    expect(await only(other, id)).toEqual(expected)
  })

  check('keep values that JSON lacks', async ({ backend }) => {
    const value = {
      at: new Date('2026-11-20T01:02:03.004Z'),
      bytes: Buffer.from([0, 255]),
      nan: Number.NaN,
      most: Number.POSITIVE_INFINITY,
      text: '"\\\u0000😀\u2028',
      list: [[], {}],
      nothing: null,
    }
    const stored = record({ result: value })
    await backend.store([stored])
    const { result } = await only(backend, stored.id)
    const { bytes, ...rest } = value
    expect(result).toMatchObject(rest)
    expect(Buffer.from((result as { bytes: Uint8Array }).bytes)).toEqual(bytes)
  })

  check('give integers beyond a number’s range as BigInt, where the app reads those', async ({ server }) => {
    const backend = await server.open({ integers: 'bigint' })
    const stored = record({ result: [2n ** 80n, 1] })
    await backend.store([stored])
    expect((await only(backend, stored.id)).result).toEqual([2n ** 80n, 1])
    await backend.close()
  })

  check('that cannot be read say so, and harm no others', async ({ backend }) => {
    const [tooLong, good] = [record({ result: 2n ** 80n }), record()]
    await backend.store([tooLong, good])
    const found = new Map((await backend.get([tooLong.id, good.id])).map((one) => [one.id, one]))
    expect(found.get(tooLong.id)).toMatchObject({
      state: 'FAILURE',
      result: { exc_type: 'ResultError' },
      unreadable: { code: 'LVG_RESULT_UNREADABLE', details: { id: tooLong.id } },
    })
    expect(found.get(good.id)?.state).toBe('SUCCESS')
  })

  check(
    'of which only rubbish is left say so, and harm no others',
    async ({ server, backend }) => {
      const [bad, good] = [newId(), record()]
      await server.spoil?.(bad)
      await backend.store([good])
      const found = new Map((await backend.get([bad, good.id])).map((one) => [one.id, one]))
      expect(found.get(bad)?.unreadable?.code).toBe('LVG_RESULT_UNREADABLE')
      expect(found.get(good.id)?.state).toBe('SUCCESS')
    },
    'spoil',
  )

  check('lie under ids of any text', async ({ backend, other }) => {
    const records = ['a b', "o'k", 'é😀', '%', '*', '"', 'x'.repeat(150)].map((id) => record({ id }))
    await backend.store(records)
    const ids = records.map(({ id }) => id)
    expect(new Set((await other.get(ids)).map(({ id }) => id))).toEqual(new Set(ids))
  })

  check('may be large', async ({ backend, other }) => {
    const stored = record({ result: 'é'.repeat(1_000_000) })
    await backend.store([stored])
    expect((await only(other, stored.id)).result).toBe(stored.result)
  })

  check('can be had by the ten thousand', async ({ backend }) => {
    const records = Array.from({ length: 10_000 }, (_, index) => record({ result: index }))
    await backend.store(records)
    const found = await backend.get(records.map(({ id }) => id))
    expect(new Map(found.map(({ id, result }) => [id, result]))).toEqual(
      new Map(records.map(({ id, result }) => [id, result])),
    )
    await backend.forget(records.map(({ id }) => id))
    expect(await backend.get(records.map(({ id }) => id))).toEqual([])
  })
}

function stateTests(check: Check): void {
  check('follow a task’s states, but never leave SUCCESS', async ({ backend, other }) => {
    const id = newId()
    for (const state of ['STARTED', 'PROGRESS', 'RETRY', 'FAILURE', 'REVOKED', 'SUCCESS'] as const) {
      await backend.store([record({ id, state, result: state })])
      expect(await only(other, id)).toMatchObject({ state, result: state })
    }
    for (const state of ['FAILURE', 'STARTED', 'REVOKED', 'SUCCESS'] as const)
      await other.store([record({ id, state, result: 'late' })])
    expect(await only(backend, id)).toMatchObject({ state: 'SUCCESS', result: 'SUCCESS' })
  })

  check('of one call follow each other as they stand in it', async ({ backend }) => {
    const [id, done] = [newId(), newId()]
    await backend.store([
      record({ id, state: 'STARTED' }),
      record({ id: done, result: 'first' }),
      record({ id, state: 'FAILURE', result: 'last' }),
      record({ id: done, state: 'FAILURE', result: 'late' }),
    ])
    expect(await only(backend, id)).toMatchObject({ state: 'FAILURE', result: 'last' })
    expect(await only(backend, done)).toMatchObject({ state: 'SUCCESS', result: 'first' })
  })

  check('end as SUCCESS when one of many who store at once says so', async ({ backend, other }) => {
    const ids = Array.from({ length: 50 }, newId)
    await Promise.all(
      ids.flatMap((id) => [
        backend.store([record({ id, state: 'FAILURE' })]),
        other.store([record({ id })]),
        backend.store([record({ id, state: 'RETRY' })]),
      ]),
    )
    expect(new Set((await backend.get(ids)).map(({ state }) => state))).toEqual(new Set(['SUCCESS']))
  })
}

function removalTests(check: Check): void {
  check('are gone when they are forgotten', async ({ backend, other }) => {
    const [kept, gone] = [record(), record()]
    await backend.store([kept, gone])
    await other.forget([gone.id, newId()])
    expect((await backend.get([kept.id, gone.id])).map(({ id }) => id)).toEqual([kept.id])
    await backend.forget([])
    // Forgotten is forgotten: the same id may begin again.
    await backend.store([record({ id: gone.id, state: 'STARTED' })])
    expect((await only(other, gone.id)).state).toBe('STARTED')
  })

  check('that were done before a time can be pruned, unfinished ones stay', async ({ backend }) => {
    const [old, failed, running] = [record(), record({ state: 'FAILURE' }), record({ state: 'STARTED' })]
    const group = newId()
    await backend.store([old, failed, running])
    await backend.joins?.saveGroup([[group, null], []])
    await backend.prune(0)
    expect((await backend.get([old.id])).length).toBe(1)
    expect(await backend.prune(Date.now() + 60_000)).toBeGreaterThanOrEqual(2)
    expect((await backend.get([old.id, failed.id, running.id])).map(({ id }) => id)).toEqual([running.id])
    expect(await backend.joins?.group(group)).toBeUndefined()
  })
}

async function only(backend: ResultBackend, id: string): Promise<TaskResult> {
  const [found] = await backend.get([id])
  if (!found) throw new Error(`no result ${id}`)
  return found
}
