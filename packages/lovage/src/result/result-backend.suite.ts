import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../kernel/index.js'
import { encodeJson } from '../message/index.js'
import type { ResultBackend, ResultRecord, TaskResult } from './result-backend.js'

/** A driver as the suite sees it. */
export interface ResultBackendUnderTest {
  readonly name: string
  readonly start: () => Promise<ResultServer>
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[]
}

/** A running store; what is optional makes tests possible that need it. */
export interface ResultServer {
  /** A backend of its own, as another process would have it; the suite closes it. */
  open(): Promise<ResultBackend>
  /** Puts something under a task's id that is no result. */
  spoil?(id: string): Promise<void>
  stop(): Promise<void>
}

/** What every result backend promises. */
export function describeResultBackend({ name, start, skip = [] }: ResultBackendUnderTest): void {
  describe(`results in ${name}`, () => {
    let server: ResultServer
    let backend: ResultBackend
    beforeAll(async () => {
      server = await start()
      backend = await server.open()
    })
    afterAll(async () => {
      await backend?.close()
      await server?.stop()
    })
    const reasons = new Map(skip.flatMap(({ reason, tests }) => tests.map((title) => [title, reason])))
    const check = (title: string, body: () => Promise<void>): void => {
      test(title, async (context) => {
        const reason = reasons.get(title)
        if (reason !== undefined) return context.skip(reason)
        await body()
      })
    }

    check('are found by id, and unknown ids are left out', async () => {
      const [a, b] = [record(), record()]
      await backend.store([a, b])
      const found = await backend.get([a.id, newId(), b.id])
      expect(new Set(found.map(({ id }) => id))).toEqual(new Set([a.id, b.id]))
      expect(await backend.get([])).toEqual([])
    })

    check('keep everything that is known of a task', async () => {
      const id = newId()
      const full = record({
        id,
        state: 'FAILURE',
        result: { exc_type: 'ValueError', exc_message: ['boom', 42], exc_module: 'builtins' },
        traceback: 'Error: boom\n    at é',
        children: [[[newId(), [[id, null], null]], null]],
        groupId: 'g',
        parentId: 'p',
        extended: {
          name: 't.add',
          args: [1, 'é'],
          kwargs: { y: null },
          worker: 'w@h',
          retries: 2,
          queue: 'q',
        },
      })
      await backend.store([full])
      const { resultJson: _, ...expected } = full
      expect(await only(backend, id)).toEqual(expected)
    })

    check('keep values that JSON lacks', async () => {
      const value = {
        at: new Date('2026-11-20T01:02:03.004Z'),
        bytes: Buffer.from([0, 255]),
        nan: Number.NaN,
        text: '"\\\u0000😀',
        list: [[], {}],
      }
      const stored = record({ result: value })
      await backend.store([stored])
      const { result } = await only(backend, stored.id)
      expect(result).toMatchObject({ at: value.at, nan: Number.NaN, text: value.text, list: value.list })
      expect(Buffer.from((result as { bytes: Uint8Array }).bytes)).toEqual(value.bytes)
    })

    check('follow a task’s states, but never leave SUCCESS', async () => {
      const id = newId()
      for (const state of ['STARTED', 'PROGRESS', 'RETRY', 'FAILURE', 'SUCCESS'] as const) {
        await backend.store([record({ id, state, result: state })])
        expect((await only(backend, id)).state).toBe(state)
      }
      for (const state of ['FAILURE', 'STARTED', 'REVOKED'] as const)
        await backend.store([record({ id, state, result: 'late' })])
      expect(await only(backend, id)).toMatchObject({ state: 'SUCCESS', result: 'SUCCESS' })
    })

    check('are told to who watches: what is there, and each state that comes', async () => {
      const id = newId()
      await backend.store([record({ id, state: 'STARTED' })])
      const seen: string[] = []
      let done = (): void => {}
      const finished = new Promise<void>((resolve) => {
        done = resolve
      })
      let started = (): void => {}
      const begun = new Promise<void>((resolve) => {
        started = resolve
      })
      const stop = backend.watch([id], ({ state }) => {
        seen.push(state)
        if (state === 'STARTED') started()
        if (state === 'SUCCESS') done()
      })
      await begun
      await backend.store([record({ id, state: 'SUCCESS' })])
      await finished
      stop()
      stop()
      expect(seen[0]).toBe('STARTED')
      expect(seen.at(-1)).toBe('SUCCESS')
    })

    check('are told across openings, to many at once', async () => {
      const other = await server.open()
      const ids = Array.from({ length: 300 }, newId)
      const waiting = new Set(ids)
      const all = new Promise<void>((resolve) => {
        other.watch(ids, ({ id, state }) => {
          if (state === 'SUCCESS') waiting.delete(id)
          if (waiting.size === 0) resolve()
        })
      })
      await backend.store(ids.map((id) => record({ id })))
      await all
      await other.close()
    })

    check('are told no more after the watching ended', async () => {
      const id = newId()
      let calls = 0
      backend.watch([id], () => calls++)()
      await backend.store([record({ id })])
      // Another watcher of the same store has heard of it by then.
      await new Promise<void>((resolve) => {
        const stop = backend.watch([id], () => resolve())
        void stop
      })
      expect(calls).toBe(0)
    })

    check('can be had by the ten thousand', async () => {
      const records = Array.from({ length: 10_000 }, () => record())
      await backend.store(records)
      expect((await backend.get(records.map(({ id }) => id))).length).toBe(10_000)
      await backend.forget(records.map(({ id }) => id))
    })

    check('are gone when they are forgotten', async () => {
      const [kept, gone] = [record(), record()]
      await backend.store([kept, gone])
      await backend.forget([gone.id, newId()])
      expect((await backend.get([kept.id, gone.id])).map(({ id }) => id)).toEqual([kept.id])
    })

    check('that were done before a time can be pruned, unfinished ones stay', async () => {
      const [old, running] = [record(), record({ state: 'STARTED' })]
      await backend.store([old, running])
      await backend.prune(0)
      expect((await backend.get([old.id])).length).toBe(1)
      await backend.prune(Date.now() + 60_000)
      expect((await backend.get([old.id, running.id])).map(({ id }) => id)).toEqual([running.id])
    })

    check('that cannot be read are an error of their own', async () => {
      if (!server.spoil) return
      const [bad, good] = [newId(), record()]
      await server.spoil(bad)
      await backend.store([good])
      await expect(backend.get([bad])).rejects.toMatchObject({ code: 'LVG_RESULT_UNREADABLE' })
      expect((await only(backend, good.id)).state).toBe('SUCCESS')
    })
  })
}

/** A finished result unless told otherwise. */
export function record(more: Partial<TaskResult> = {}): ResultRecord {
  const { state = 'SUCCESS', result = 1 } = more
  const isDone = ['SUCCESS', 'FAILURE', 'REVOKED'].includes(state)
  const dateDone = isDone ? new Date().toISOString() : null
  return {
    id: newId(),
    traceback: null,
    children: [],
    dateDone,
    ...more,
    state,
    result,
    resultJson: encodeJson(result),
  }
}

async function only(backend: ResultBackend, id: string): Promise<TaskResult> {
  const [found] = await backend.get([id])
  if (!found) throw new Error(`no result ${id}`)
  return found
}
