import { readFileSync } from 'node:fs'
import { Decimal } from 'lovage'
import { until } from 'lovage/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { coreOf } from '../../app/core/index.js'
import type { Lovage } from '../../app/index.js'
import type { Worker } from '../worker.js'

/** A worker whose pool is under test, and its recorded output. */
export interface PoolUnderTest extends AsyncDisposable {
  readonly app: Lovage
  readonly worker: Worker
  /** The file in which the tasks of `test/pools/app.mjs` record their actions. */
  readonly notes: string
  readonly lines: readonly { readonly level: string; readonly fields: object; readonly message: string }[]
}

/** The setup for testing a pool. */
export interface PoolSuite {
  readonly name: string
  /** A worker with a pool of two slots. */
  readonly start: (more?: {
    readonly maxTasks?: number
    readonly maxMemory?: number
  }) => Promise<PoolUnderTest>
  /** One task at a time. */
  readonly isSolo?: boolean
  /** Each task has a process or thread of its own, which can be killed. */
  readonly hasChildren?: boolean
}

/** The promises of every pool. */
export function describePool({ name, start, isSolo = false, hasChildren = false }: PoolSuite): void {
  describe(`the ${name} pool`, () => {
    let pool: PoolUnderTest
    let seen = 0
    beforeAll(async () => {
      pool = await start()
    })
    afterAll(() => pool[Symbol.asyncDispose]())
    const allNotes = (): string[] => readFileSync(pool.notes, 'utf8').split('\n').slice(0, -1)
    beforeEach(() => {
      seen = allNotes().length
    })
    const notes = () => allNotes().slice(seen)
    const send = (task: string, args: readonly unknown[] = [], options: object = {}) =>
      pool.app.sendTask(task, { args, ...options })
    const run = async (task: string, args: readonly unknown[] = [], options: object = {}) =>
      (await send(task, args, options)).get({ timeout: 20 })
    const failureOf = async (task: string, args: readonly unknown[] = [], options: object = {}) =>
      (await send(task, args, options)).get({ timeout: 20, propagate: false })
    const begun = (id: string) => until(() => notes().some((line) => line.startsWith(`begin ${id}`)))

    test.runIf(name === 'prefork')('loads no driver in its children before they need one', async () => {
      expect(await run('drivers')).toEqual([])
    })

    describe('a task', () => {
      test('gets its arguments and gives its value, their types kept', async () => {
        expect(await run('add', [2, 3])).toBe(5)
        expect(await run('add', [], { kwargs: { x: 'a', y: 'b' } })).toBe('ab')
        const at = new Date('2027-01-01T09:00:00Z')
        const typed = await run('typed', [{ at, list: [1.5, null, 'ü'] }])
        expect(typed).toMatchObject({ value: { at, list: [1.5, null, 'ü'] }, sum: new Decimal('1.10') })
        expect((await run('typed', [at])) as object).toMatchObject({ isDate: true })
      })
      test('knows its call', async () => {
        const sent = await send('context', [], { headers: { tenant: 'a' } })
        expect(await sent.get({ timeout: 20 })).toEqual({
          id: sent.id,
          hostname: pool.worker.hostname,
          queue: 'celery',
          headers: { tenant: 'a' },
          retries: 0,
        })
      })
      test('fails with type, message, traceback and cause', async () => {
        const sent = await send('fail')
        expect(await sent.get({ timeout: 20, propagate: false })).toMatchObject({
          exc_type: 'Odd',
          exc_message: ['outer'],
        })
        expect(await sent.traceback()).toMatch(/app\.mjs[\s\S]*inner/)
        expect(await failureOf('unwritable')).toMatchObject({
          exc_message: [expect.stringContaining('rows[0]')],
        })
      })
      test('is retried, ignored, rejected', async () => {
        expect(await run('again')).toBe(2)
        await send('ignored')
        await send('rejected')
        const letters = (await coreOf(pool.app).broker()).deadLetters
        await until(async () => (await letters.list({})).items.some(({ task }) => task === 'rejected'))
        await until(() => pool.worker.active.length === 0)
      })
      test('shows its progress and writes log lines while it runs', async () => {
        const sent = await send('progress')
        await until(() => notes().includes('shown'))
        expect(await sent.state()).toBe('PROGRESS')
        expect(await (await coreOf(pool.app).results()).get([sent.id])).toMatchObject([
          { result: { done: 1, of: 2 } },
        ])
        // As in `inspect active`: the process that runs it.
        const { active, pool: own } = pool.worker
        expect(own.pids).toContain(active.find(({ job }) => job.context.id === sent.id)?.pid)
        await until(() => pool.lines.some(({ message }) => message === 'half way'))
        const line = pool.lines.find(({ message }) => message === 'half way')
        expect(line).toMatchObject({
          level: 'warn',
          fields: { rows: 3, task_id: sent.id, err: expect.any(Error) },
        })
        expect(pool.worker.pool.terminate(sent.id, new Error('enough'), 'SIGKILL')).toBe(true)
        expect(await sent.get({ timeout: 20, propagate: false })).toMatchObject({ exc_message: ['enough'] })
      })
      test('sends tasks, which are its children', async () => {
        const sent = await send('parent')
        const child = pool.app.asyncResult(String(await sent.get({ timeout: 20 })))
        expect(await child.get({ timeout: 20 })).toBe(3)
        expect(await (await coreOf(pool.app).results()).get([sent.id])).toMatchObject([
          { children: [[[child.id, null], null]] },
        ])
      })
      test('is replaced by other work, adds to its chord, and remembers its steps', async () => {
        expect(await run('becomes', [2])).toBe(42)
        expect(await run('joined')).toBe(10)
        expect(await run('growing')).toBe(104)
        const stepped = await send('stepped')
        expect(await stepped.get({ timeout: 20 })).toBe(7)
        expect(notes().filter((line) => line === `step ${stepped.id}`)).toHaveLength(1)
      })
      test('has its handlers and its middleware called beside it, once each', async () => {
        await run('watched', [true])
        await failureOf('watched', [false])
        await until(() => notes().filter((line) => line.startsWith('afterReturn')).length === 2)
        const [here] = notes().flatMap((line) => line.split(' ').slice(-1))
        const said = notes().map((line) => line.slice(0, line.lastIndexOf(' ')))
        expect(said.toSorted()).toEqual(
          [
            'beforeStart',
            'middleware success',
            'onSuccess fine',
            'afterReturn SUCCESS',
            'beforeStart',
            'middleware failure',
            'onFailure true',
            'afterReturn FAILURE',
          ].toSorted(),
        )
        expect(here?.startsWith(`${process.pid}.0`)).toBe(!hasChildren)
      })
    })

    test('runs as many tasks at once as it has slots', async () => {
      const sent = await Promise.all([1, 2, 3, 4, 5, 6].map(() => send('sleep', [150])))
      for (const one of sent) await one.get({ timeout: 20 })
      const times = notes().flatMap((line) => (/^(begin|end) /.test(line) ? [line.split(' ')] : []))
      let running = 0
      let most = 0
      for (const [what] of times.toSorted((left, right) => Number(left[2]) - Number(right[2])))
        most = Math.max(most, what === 'begin' ? ++running : running--)
      expect(most).toBe(isSolo ? 1 : 2)
    })

    describe('a soft time limit', () => {
      test('can be caught', async () => {
        expect(await run('patient', [], { softTimeLimit: 0.2 })).toBe('tidied up')
      })
      test('fails a task that does not catch it', async () => {
        expect(await failureOf('obedient', [], { softTimeLimit: 0.2 })).toMatchObject({
          exc_type: 'SoftTimeLimitExceeded',
          exc_module: 'billiard.exceptions',
        })
      })
    })
    describe('a hard time limit', () => {
      test('ends a task that minds nothing, and its slot is filled again', async () => {
        const sent = await Promise.all([1, 2].map(() => send('stubborn', [], { timeLimit: 0.3 })))
        for (const one of sent) {
          const end = await one.get({ timeout: 20, propagate: false })
          expect(end).toMatchObject({ exc_type: 'TimeLimitExceeded', exc_module: 'billiard.exceptions' })
        }
        expect(await run('add', [1, 1])).toBe(2)
      })
      test('is changed at run time, but never what a call says', async () => {
        const { timeLimits } = pool.worker
        timeLimits.set('obedient', { hard: 0.3 })
        expect(await failureOf('obedient')).toMatchObject({ exc_type: 'TimeLimitExceeded' })
        timeLimits.set('patient', { hard: 10, soft: 0.1 })
        expect(await run('patient')).toBe('tidied up')
        expect(await failureOf('obedient', [], { timeLimit: 0.5 })).toMatchObject({
          exc_message: ['ran longer than 0.5 s'],
        })
        expect(() => timeLimits.set('obedient', { hard: 1, soft: 2 })).toThrow(/longer than the hard one/)
        timeLimits.set('obedient', {})
        timeLimits.set('patient', {})
      })
    })

    test('stops a running task when it is told to, and no other', async () => {
      const sent = await send('obedient')
      await until(() => pool.worker.active.some(({ job }) => job.context.id === sent.id))
      expect(pool.worker.pool.terminate('another', new Error('x'))).toBe(false)
      await until(() => pool.worker.pool.terminate(sent.id, new Error('revoked')))
      expect(await sent.get({ timeout: 20, propagate: false })).toMatchObject({ exc_message: ['revoked'] })
      expect(await run('add', [1, 1])).toBe(2)
    })

    describe('an abortable task', () => {
      test('hears at once that it is to abort itself, and ends as it likes', async () => {
        const sent = [await send('abortable', [true]), ...(isSolo ? [] : [await send('abortable', [false])])]
        await Promise.all(sent.map(({ id }) => begun(id)))
        await Promise.all(sent.map((one) => one.abort()))
        const [polite, rude] = sent
        expect(await polite?.get({ timeout: 20 })).toBe('as far as I came')
        if (rude) await expect(rude.get({ timeout: 20 })).rejects.toMatchObject({ code: 'LVG_TASK_ABORTED' })
        // An ended task keeps its state.
        await polite?.abort()
        expect(await polite?.isAborted()).toBe(false)
      })
      test('hears it when it begins, if it was asked before', async () => {
        const sent = await send('abortable', [true], { countdown: 0.2 })
        await sent.abort()
        expect(await sent.isAborted()).toBe(true)
        expect(await sent.get({ timeout: 20 })).toBe('as far as I came')
      })
      test('may ask for itself', async () => {
        const sent = await send('asking')
        await begun(sent.id)
        // STARTED, which is shown for tasks that do not declare themselves abortable, is over by then.
        await until(async () => (await sent.state()) === 'STARTED')
        await sent.abort()
        expect(await sent.get({ timeout: 20 })).toBe('asked')
      })
    })

    test('a task that fails or takes too long is a dead letter where failures are not acknowledged', async () => {
      const failed = await send('unacknowledged', [true])
      const late = await send('unacknowledged', [false])
      expect(await failed.get({ timeout: 20, propagate: false })).toMatchObject({ exc_type: 'Odd' })
      expect(await late.get({ timeout: 20, propagate: false })).toMatchObject({
        exc_type: 'TimeLimitExceeded',
      })
      const { deadLetters } = await coreOf(pool.app).broker()
      await until(async () => (await deadLetters.list({ task: 'unacknowledged' })).items.length === 2)
      const { items } = await deadLetters.list({ task: 'unacknowledged' })
      expect(items.map(({ taskId, reason, error }) => [taskId, reason, error.type]).toSorted()).toEqual(
        [
          [failed.id, 'failed', 'Odd'],
          [late.id, 'failed', 'TimeLimitExceeded'],
        ].toSorted(),
      )
    })

    test.skipIf(isSolo)('grows and shrinks while tasks run', async () => {
      const long = await send('sleep', [300])
      await begun(long.id)
      await pool.worker.resize(4)
      expect(pool.worker.pool.slots).toBe(4)
      await Promise.all(Array.from({ length: 8 }, async (_, n) => run('add', [n, 1])))
      await pool.worker.resize(1)
      expect(await long.get({ timeout: 20 })).toBe(300)
      expect(await run('add', [1, 1])).toBe(2)
      if (hasChildren) await until(() => pool.worker.pool.pids.length === 1)
      await pool.worker.resize(2)
      if (hasChildren) await until(() => pool.worker.pool.pids.length === 2)
    })

    if (!hasChildren) return
    describe('a child', () => {
      test('that a task keeps busy for ever is replaced at the hard limit', async () => {
        const before = pool.worker.pool.stats.replaced
        expect(await failureOf('busy', [], { timeLimit: 0.3 })).toMatchObject({
          exc_type: 'TimeLimitExceeded',
        })
        expect(await run('add', [1, 1])).toBe(2)
        expect(pool.worker.pool.stats.replaced).toBeGreaterThan(before)
      })
      test('is replaced on demand, and sees the app anew', async () => {
        const before = await run('where')
        pool.worker.pool.restart()
        expect(await run('where')).not.toBe(before)
        expect(pool.worker.pool.stats.lost).toBe(0)
      })
      test('in which an error is thrown that nobody can catch fails its task', async () => {
        expect(await failureOf('thrower')).toMatchObject({ exc_type: 'Odd' })
        expect(await run('add', [1, 1])).toBe(2)
      })
      test('that dies gives its task back, at most three times, then to the dead letters', async () => {
        const sent = await send('quit')
        expect(await sent.get({ timeout: 20, propagate: false })).toMatchObject({
          exc_type: 'WorkerLostError',
        })
        expect(notes()).toEqual(expect.arrayContaining([`quit ${sent.id}`]))
        expect(notes().filter((line) => line === `quit ${sent.id}`)).toHaveLength(4)
        const { items } = await (await coreOf(pool.app).broker()).deadLetters.list({})
        expect(items).toContainEqual(expect.objectContaining({ taskId: sent.id, reason: 'worker-lost' }))
        expect(await run('add', [1, 1])).toBe(2)
      })
      test('is replaced after so many tasks, nothing lost', async () => {
        await using recycled = await start({ maxTasks: 5 })
        const results = await Promise.all(
          Array.from({ length: 40 }, async () => recycled.app.sendTask('where')),
        )
        const places = await Promise.all(results.map((one) => one.get({ timeout: 20 })))
        const counts = new Map<unknown, number>()
        for (const place of places) counts.set(place, (counts.get(place) ?? 0) + 1)
        expect(Math.max(...counts.values())).toBe(5)
        expect(recycled.worker.pool.stats.lost).toBe(0)
      })
      test('is replaced when it holds too much memory', async () => {
        const { rss } = process.memoryUsage()
        const limit = name === 'threads' ? Math.round(rss / 1024) + 150_000 : 150_000
        await using recycled = await start({ maxMemory: limit })
        const places = new Set<unknown>()
        for (let n = 0; n < 6; n++)
          places.add(await (await recycled.app.sendTask('leak', { args: [100] })).get({ timeout: 20 }))
        expect(places.size).toBeGreaterThan(2)
        expect(recycled.worker.pool.stats.lost).toBe(0)
      })
    })
  })
}
