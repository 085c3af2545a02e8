import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { getOpenBreakers, Lovage } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { everyStore, silent } from '../every-store.js'

const patience = { timeoutMs: 30_000 }

describe.each(everyStore('breakers'))('on %s', (name, freshUrl) => {
  let broker: string
  const apps: Lovage[] = []
  /** Another process's view of the same fleet. */
  const openApp = (): Lovage => {
    const app = new Lovage('breakers', { broker, env: {}, logger: silent, workerShutdownTimeout: 1 })
    apps.push(app)
    return app
  }
  beforeEach(async () => {
    broker = await freshUrl()
  })
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()))
  })

  test('a circuit breaker counts, opens, tries and closes for all workers together', async () => {
    const [app, other] = [openApp(), openApp()]
    let isDown = true
    let runs = 0
    const define = (one: Lovage) =>
      one.task({
        name: 'call',
        circuitBreaker: { window: 10, minimum: 6, openFor: 1 },
        run: (_ctx, _call: number) => {
          runs++
          if (isDown) throw new Error('down')
          return 'up'
        },
      })
    const call = define(app)
    define(other)
    const states: string[] = []
    for (const one of [app, other])
      one.signals.on('circuitBreakerChanged', ({ key, state }) => states.push(`${key} ${state}`))
    const told = (state: string): Promise<boolean> =>
      until(() => states.filter((one) => one === state).length >= 2, patience)
    await using _one = await startTestWorker(app)
    await using _two = await startTestWorker(other)
    for (let failure = 0; failure < 6; failure++)
      await expect((await call.delay(failure)).get({ timeout: 20 })).rejects.toThrow('down')
    await told('call open')
    const before = runs
    const waiting = await call.applyAsyncMany(Array.from({ length: 20 }, (_, place) => ({ args: [place] })))
    // One at a time is let through; twenty would have run at once.
    await until(() => runs > before, patience)
    isDown = false
    const ends = await Promise.all(
      waiting.map((result) =>
        result.get({ timeout: 40 }).then(
          () => 'up',
          () => 'down',
        ),
      ),
    )
    expect(ends.filter((end) => end === 'down').length).toBeLessThan(10)
    await told('call closed')
  })

  test('an open breaker fails tasks at once where that is wanted, and keeps keys apart', async () => {
    const app = openApp()
    let runs = 0
    const call = app.task({
      name: 'endpoint.call',
      circuitBreaker: { minimum: 3, openFor: 600, whileOpen: 'fail', key: (host: string) => host },
      run: (_ctx, host: string) => {
        runs++
        if (host === 'bad') throw new Error('down')
        return 'up'
      },
    })
    await using _worker = await startTestWorker(app)
    for (let failure = 0; failure < 3; failure++)
      await expect((await call.delay('bad')).get({ timeout: 20 })).rejects.toThrow('down')
    await until(async () => {
      const before = runs
      const error = await (await call.delay('bad')).get({ timeout: 20 }).catch((thrown: Error) => thrown)
      return runs === before && /circuit breaker of endpoint.call is open/.test(String(error))
    }, patience)
    expect(await (await call.delay('good')).get({ timeout: 20 })).toBe('up')
  })

  test('when the worker that tries an open breaker is killed, another tries', async () => {
    // What lies in memory dies with its process.
    if (name === 'memory') return
    const app = openApp()
    const brittle = app.task({
      name: 'brittle',
      circuitBreaker: { window: 4, minimum: 2, openFor: 1 },
      run: (_ctx, _how: string) => 'up',
    })
    const member = fork(join(import.meta.dirname, 'member.mjs'), ['break', broker])
    try {
      await once(member, 'message')
      for (let failure = 0; failure < 2; failure++)
        await expect((await brittle.delay('fail')).get({ timeout: 30 })).rejects.toThrow('down')
      await until(async () => (await getOpenBreakers(app)).length === 1, patience)
      const trying = once(member, 'message')
      await brittle.delay('hang')
      await trying
    } finally {
      member.kill('SIGKILL')
    }
    const next = await brittle.delay('try')
    await using _worker = await startTestWorker(app)
    // The dead one's turn ends a second after its last sign of life; who waits asks again after a quarter of that.
    expect(await next.get({ timeout: 25 })).toBe('up')
    await until(async () => (await getOpenBreakers(app)).length === 0, patience)
  })
})
