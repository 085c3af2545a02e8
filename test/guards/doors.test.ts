import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runDashboard } from '@lovage/dashboard/cli'
import { chain, chord, contract, group, Lovage, map } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { everyStore, silent } from '../every-store.js'

// Every way in which a call can be made, and what it does with the guards of its task.

describe.each(everyStore('doors').filter(([name]) => name === 'memory' || name === 'Redis'))(
  'on %s',
  (_name, freshUrl) => {
    let app: Lovage
    beforeEach(async () => {
      app = new Lovage('doors', {
        broker: await freshUrl(),
        env: {},
        logger: silent,
        workerShutdownTimeout: 1,
      })
    })
    afterEach(() => app.close())

    const waiting = async (): Promise<number> =>
      (await (await coreOf(app).broker()).depths(['celery'])).get('celery')?.ready ?? 0

    test('calls, signatures, bulk calls, names and HTTP meet under one key', async () => {
      const sync = app.task({
        name: 'sync',
        unique: true,
        params: ['user'],
        run: (_ctx, user: number) => user,
      })
      const folder = mkdtempSync(join(tmpdir(), 'lovage-doors-'))
      const options = ['--port=0', `--db=${join(folder, 'history')}`, '--unauthenticated-api']
      const dashboard = await runDashboard(app, options, {})
      const first = await sync.s(7).delay()
      const answer = await fetch(`http://127.0.0.1:${dashboard.port}/api/task/async-apply/sync`, {
        method: 'POST',
        body: JSON.stringify({ args: [7] }),
      })
      const others = [
        await sync.delay(7),
        await sync.s().delay(7),
        await sync.si(7).applyAsync([], { priority: 3 }),
        await sync.s(7).freeze().delay(),
        ...(await sync.applyAsyncMany([{ args: [7] }, { args: [7] as const }])),
        await app.sendTask('sync', { args: [7] }),
        await app.signature('sync', { args: [7] }).delay(),
      ]
      expect(others.map(({ id }) => id)).toEqual(others.map(() => first.id))
      expect(await answer.json()).toMatchObject({ 'task-id': first.id })
      expect(await waiting()).toBe(1)
      expect((await sync.s(8).delay()).id).not.toBe(first.id)
      await using _worker = await startTestWorker(app)
      expect(await first.get({ timeout: 20 })).toBe(7)
      await dashboard.close()
      rmSync(folder, { recursive: true, force: true })
    })

    test('a contract guards as the task does that implements it', async () => {
      const far = app.remote(contract<[user: number], number>('far', { throttle: 60 }))
      const first = await far.delay(1)
      expect((await far.s(1).delay()).id).toBe(first.id)
      expect((await app.sendTask('far', { args: [1] })).id).toBe(first.id)
      expect(await waiting()).toBe(1)
    })

    test('a canvas with a guarded part is refused before anything is sent', async () => {
      const plain = app.task({ name: 'plain', run: (_ctx, n: number) => n })
      const sum = app.task({ name: 'sum', run: (_ctx, all: number[]) => all.length })
      const guards = {
        unique: { unique: true },
        throttle: { throttle: 9 },
        debounce: { debounce: 9 },
        keepLatest: { keepLatest: true },
      }
      for (const [name, options] of Object.entries(guards)) {
        const task = app.task({ name, ...options, run: (_ctx, n: number) => n })
        const canvases = [
          chain(plain.s(1), task.s()),
          group([plain.s(1), task.s(2)]),
          chord([plain.s(1), task.s(2)], sum.s()),
          chord([plain.s(1), chain(plain.s(2), plain.s())], chain(sum.s(), task.s())),
          plain.s(1).link(task.s()),
          plain.s(1).linkError(task.s()),
          plain.s(1).link(plain.s().link(task.s())),
          task.s(1).link(plain.s()),
          map(task.s(), [1, 2]),
        ]
        for (const canvas of canvases)
          await expect(canvas.delay()).rejects.toMatchObject({
            code: 'LVG_CANVAS_INVALID',
            message: expect.stringContaining(`${name} cannot be part of a canvas`),
          })
        const members = function* () {
          yield task.s(1)
        }
        await expect(group(members()).delay()).rejects.toMatchObject({ code: 'LVG_CANVAS_INVALID' })
      }
      expect(await waiting()).toBe(0)
      expect(await (await coreOf(app).coordination()).list('unique')).toEqual([])
    })

    test('a signature refuses what it cannot carry', async () => {
      const plain = app.task({ name: 'plain', run: (_ctx, n: number) => n })
      const transaction = { query: () => Promise.resolve([]) }
      for (const options of [
        { transaction },
        { once: { key: 'k', ttlMs: 1 } },
        { delay: 'store' },
        { retry: false },
      ] as const) {
        expect(() => plain.s(1).set(options)).toThrow(/cannot carry/)
        expect(() => plain.s(1).applyAsync([], options)).toThrow(/cannot carry/)
      }
      expect(() => plain.s(1).set({ countDown: 3 } as never)).toThrow(/did you mean countdown/)
      expect(await waiting()).toBe(0)
    })

    test('a bulk call refuses fields that it does not have', async () => {
      const sync = app.task({ name: 'sync', run: (_ctx, user: number) => user })
      for (const wrong of [
        { args: [2], countdown: 3 },
        { args: [2], once: { key: 'k', ttlMs: 1 } },
        { args: [2], option: {} },
        [2],
        null,
        { args: [2], options: 3 },
      ])
        await expect(sync.applyAsyncMany([{ args: [1] }, wrong as never])).rejects.toThrow(/Call 1 of sync/)
      expect(await waiting()).toBe(0)
    })

    test.each(['purged', 'deleted', 'expired'])(
      'a call that was %s keeps none like it from being sent',
      async (how) => {
        for (const options of [{ unique: true }, { throttle: 60 }] as const) {
          const name = Object.keys(options)[0] ?? ''
          const task = app.task({ name, ...options, queue: name, run: () => {} })
          const first = await task.applyAsync([], how === 'expired' ? { expires: 2 } : {})
          expect((await task.delay()).id).toBe(first.id)
          if (how === 'purged') expect(await app.queues.purge(name)).toBe(1)
          if (how === 'deleted') expect(await app.queues.remove([first.id])).toBe(1)
          await until(async () => (await task.delay()).id !== first.id, { timeoutMs: 10_000 })
        }
      },
    )

    test('a letter that is sent again runs whoever holds its key, and holds it if it is free', async () => {
      let isDown = true
      const ran: string[] = []
      const define = (name: string, guard: object) =>
        app.task({
          name,
          ...guard,
          deadLetter: 'failures',
          run: (_ctx, text: string) => {
            ran.push(`${name} ${text}`)
            if (isDown) throw new Error('down')
          },
        })
      const key = () => 'k'
      const tasks = [
        define('unique', { unique: { key } }),
        define('success', { unique: { until: 'success', key } }),
        define('throttle', { throttle: { seconds: 60, key } }),
        define('debounce', { debounce: { seconds: 0.1, key } }),
        define('latest', { keepLatest: { key } }),
      ]
      const failing = await startTestWorker(app)
      for (const task of tasks) await task.delay('letter')
      await until(async () => (await app.deadLetters.list()).items.length === tasks.length, {
        timeoutMs: 30_000,
      })
      await failing.stop()
      isDown = false
      ran.length = 0
      // A later call, which supersedes earlier ones of its key.
      const [unique, , , debounce, latest] = tasks
      await debounce?.delay('later')
      await latest?.delay('later')
      expect(await app.deadLetters.retry({})).toMatchObject({ retried: tasks.length })
      const held = await (await coreOf(app).coordination()).list('unique')
      expect(held.find((mark) => mark.key.startsWith('unique:'))?.value).toMatch(/^\S+$/)
      // It waits: another call is the same work.
      const letter = (await unique?.delay('again'))?.id
      expect(held.map(({ value }) => value)).toContain(letter)
      await using _worker = await startTestWorker(app)
      await until(() => ran.length === tasks.length + 2, { timeoutMs: 30_000 })
      expect(ran.toSorted()).toEqual([
        'debounce later',
        'debounce letter',
        'latest later',
        'latest letter',
        'success letter',
        'throttle letter',
        'unique letter',
      ])
    })
  },
)
