import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { isLovageError, Lovage } from 'lovage'
import { onCrashPoint, startTestWorker, until } from 'lovage/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { everyStore, silent } from '../every-store.js'

const patience = { timeoutMs: 30_000 }

describe.each(everyStore('guards'))('on %s', (name, freshUrl) => {
  let broker: string
  const apps: Lovage[] = []
  /** Another process's view of the same fleet. */
  const openApp = (): Lovage => {
    const app = new Lovage('guards', { broker, env: {}, logger: silent, workerShutdownTimeout: 1 })
    apps.push(app)
    return app
  }
  beforeEach(async () => {
    broker = await freshUrl()
  })
  afterEach(async () => {
    onCrashPoint(undefined)
    await Promise.all(apps.splice(0).map((app) => app.close()))
  })

  test('a unique call is sent once until it has ended, wherever it is called', async () => {
    const [app, other] = [openApp(), openApp()]
    const slow = gate()
    const ran: number[] = []
    const define = (one: Lovage) =>
      one.task({
        name: 'sync',
        unique: { key: (user: number) => String(user) },
        run: async (_ctx, user: number, part: string) => {
          ran.push(user)
          if (part === 'slow') await slow.promise
          return part
        },
      })
    const [mine, theirs] = [define(app), define(other)]
    const first = await mine.delay(1, 'slow')
    expect((await theirs.delay(1, 'again')).id).toBe(first.id)
    expect((await mine.delay(2, 'other')).id).not.toBe(first.id)
    await using _worker = await startTestWorker(app)
    await until(() => ran.length === 2, patience)
    expect((await theirs.delay(1, 'while it runs')).id).toBe(first.id)
    const second = await theirs.delay(1, 'its result is that of the first')
    slow.open()
    expect(await second.get({ timeout: 20 })).toBe('slow')
    // Whoever has its result may send the next.
    const next = await theirs.delay(1, 'next')
    expect(next.id).not.toBe(first.id)
    expect(await next.get({ timeout: 20 })).toBe('next')
    const [one, two] = await mine.applyAsyncMany([{ args: [7, 'a'] }, { args: [7, 'b'] }])
    expect(two?.id).toBe(one?.id)
    expect(await two?.get({ timeout: 20 })).toBe('a')
  })

  test('until start it may wait once more while it runs; until success a failure for good holds it', async () => {
    const app = openApp()
    const slow = gate()
    let started = 0
    const refresh = app.task({
      name: 'refresh',
      unique: { until: 'start' },
      run: async () => {
        if (++started === 1) await slow.promise
      },
    })
    const charge = app.task({
      name: 'charge',
      unique: { until: 'success' },
      run: (_ctx, isGood: boolean) => {
        if (!isGood) throw new Error('refused')
      },
    })
    await using _worker = await startTestWorker(app)
    const first = await refresh.delay()
    await until(() => started === 1, patience)
    let second = await refresh.delay()
    await until(async () => {
      second = await refresh.delay()
      return second.id !== first.id
    }, patience)
    slow.open()
    await second.get({ timeout: 20 })

    const refused = await charge.delay(false)
    await expect(refused.get({ timeout: 20 })).rejects.toThrow('refused')
    expect((await charge.delay(false)).id).toBe(refused.id)
    const good = await charge.delay(true)
    await good.get({ timeout: 20 })
    expect((await charge.delay(true)).id).not.toBe(good.id)
  })

  test('a key ends with a producer that dies before it has sent', async () => {
    const app = openApp()
    const once = app.task({ name: 'once', unique: { for: 1 }, run: () => 'ran' })
    if (name === 'memory') {
      onCrashPoint((point) => {
        if (point === 'guard:before-publish') throw new Error('died')
      })
      await expect(once.delay()).rejects.toThrow('died')
      onCrashPoint(undefined)
    } else {
      const env = { ...process.env, LOVAGE_CRASH_POINT: 'guard:before-publish#1' }
      const producer = fork(join(import.meta.dirname, 'member.mjs'), ['send', broker], { env })
      expect(await signalOf(producer)).toBe('SIGKILL')
    }
    await using _worker = await startTestWorker(app)
    await until(async () => {
      const result = await once.delay()
      // Until the dead producer's key ends, the answer is its task, which nobody has sent.
      const value = await result.get({ timeout: 0.5 }).catch((error: unknown) => {
        if (!isLovageError(error) || error.code !== 'LVG_RESULT_TIMEOUT') throw error
      })
      return value === 'ran'
    }, patience)
  })

  test('a key is held while a worker is alive that has its task, and ends when it is killed', async () => {
    if (name === 'memory') return
    const app = openApp()
    const hang = app.task({ name: 'hang', unique: { for: 6 }, run: () => 'never here' })
    const worker = fork(join(import.meta.dirname, 'member.mjs'), ['work', broker])
    await once(worker, 'message')
    const first = await hang.delay()
    await once(worker, 'message')
    const endOf = async (): Promise<number> => {
      const [mark] = await (await coreOf(app).coordination()).list('unique')
      expect(mark?.value).toBe(first.id)
      return mark?.expiresMs ?? 0
    }
    const before = await endOf()
    await until(async () => (await endOf()) > before + 2000, patience)
    expect((await hang.delay()).id).toBe(first.id)
    worker.kill('SIGKILL')
    await until(async () => (await hang.delay()).id !== first.id, patience)
  })

  test('throttle counts from the time for which a call is meant', async () => {
    const app = openApp()
    const remind = app.task({
      name: 'remind',
      throttle: { seconds: 720, key: (user: number) => `${user}` },
      run: (_ctx, _user: number) => {},
    })
    const at = Date.now() + 3_600_000
    const call = async (minute: number): Promise<string> =>
      (await remind.applyAsync([7], { eta: new Date(at + minute * 60_000) })).id
    const first = await call(0)
    expect(new Set([first, await call(30), await call(60)]).size).toBe(3)
    // Within the period of the first, on either side of it and of any slot's border.
    expect([await call(5), await call(11), await call(-11)]).toEqual([first, first, first])
    expect(await call(13)).not.toBe(first)
    // Calls that are sent together meet as well.
    const [one, other] = await remind.applyAsyncMany([
      { args: [8] },
      { args: [8], options: { countdown: 60 } },
    ])
    expect(other?.id).toBe(one?.id)
  })

  test('throttle sends the first call of a period, debounce and keepLatest run the last', async () => {
    const app = openApp()
    const ran: string[] = []
    const note = (_ctx: unknown, key: string, text: string): void => void ran.push(`${key} ${text}`)
    const key = (given: string): string => given
    const throttled = app.task({ name: 'throttled', throttle: { seconds: 60, key }, run: note })
    const debounced = app.task({ name: 'debounced', debounce: { seconds: 1, key }, run: note })
    const latest = app.task({ name: 'latest', keepLatest: { key }, run: note })
    const first = await throttled.delay('t', '1')
    expect((await throttled.delay('t', '2')).id).toBe(first.id)
    const waiting = await Promise.all(['1', '2'].map((text) => latest.delay('k', text)))
    await latest.delay('k', '3')
    const early = await debounced.delay('d', '1')
    await debounced.applyAsyncMany([{ args: ['d', '2'] }, { args: ['d', '3'] }])
    await debounced.delay('e', '1')
    await using _worker = await startTestWorker(app)
    await until(() => ran.length >= 4, patience)
    for (const superseded of [early, ...waiting])
      await expect(superseded.get({ timeout: 20 })).rejects.toThrow('superseded')
    expect(ran.toSorted()).toEqual(['d 3', 'e 1', 'k 3', 't 1'])
    await first.get({ timeout: 20 })
    expect((await throttled.delay('t', '4')).id).toBe(first.id)
  })
})

async function signalOf(child: ReturnType<typeof fork>): Promise<NodeJS.Signals | null> {
  const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  return signal
}

/** Something to wait for until the test lets it go. */
function gate(): { readonly promise: Promise<void>; readonly open: () => void } {
  let open = (): void => {}
  const promise = new Promise<void>((resolve) => {
    open = resolve
  })
  return { promise, open: () => open() }
}
