import { existsSync, readFileSync } from 'node:fs'
import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { Command } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { run, startRedis } from '../servers.js'

const APP = `
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Lovage } from 'lovage'
export const app = new Lovage('fleet', { brokerLease: 3, resultBackend: 'disabled://' })
const note = (...words: unknown[]) => appendFileSync(new URL('./runs.txt', import.meta.url), words.join(' ') + '\\n')
export const work = app.task({
  name: 'fleet.work',
  run: async (ctx, n: number) => {
    note('begin', n, ctx.retries)
    await sleep(n % 25)
    note('end', n)
  },
})`
const PRODUCER = `
import { app, work } from './app.ts'
export { app }
app.task({ name: 'unused', run: () => {} })
export const send = async (from: number, to: number) => {
  await work.applyAsyncMany(Array.from({ length: to - from }, (_, i) => ({ args: [from + i] as [number] })))
}`
const COUNT = 3000

function makeFleet() {
  const shop = makeProject({
    'package.json': '{"name":"fleet","type":"module"}',
    'app.ts': APP,
    'send.ts': PRODUCER,
    'produce.mjs': `
      import { registerTypeScript } from '${new URL('../../packages/lovage/dist/loader/index.js', import.meta.url).href}'
      await registerTypeScript()
      const { app, send } = await import('./send.ts')
      const [from, to] = process.argv.slice(2).map(Number)
      for (let at = from; at < to; at += 50) {
        await send(at, Math.min(to, at + 50))
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      await app.close()`,
  })
  const notes = () =>
    existsSync(shop.path('runs.txt')) ? readFileSync(shop.path('runs.txt'), 'utf8').split('\n') : []
  return {
    cwd: shop.folder,
    /** How often each task began. */
    begun() {
      const counts = new Map<string, number>()
      for (const line of notes()) {
        const [what, n = ''] = line.split(' ')
        if (what === 'begin') counts.set(n, (counts.get(n) ?? 0) + 1)
      }
      return counts
    },
    ended: () => new Set(notes().flatMap((line) => (line.startsWith('end ') ? [line.slice(4)] : []))),
    [Symbol.dispose]: () => shop[Symbol.dispose](),
  }
}

test('three workers that are restarted one after the other under load lose nothing and run nothing twice', {
  timeout: 120_000,
}, async () => {
  using fleet = makeFleet()
  const { cwd } = fleet
  await using redis = await startRedis({})
  const env = { CELERY_BROKER_URL: `${redis.url}/0` }
  const start = (n: number) =>
    new Command(['-A', 'app', 'worker', '-l', 'info', '-P', 'prefork', '-c', '2', '-n', `w${n}@box`], {
      cwd,
      env,
    })
  await using one = start(1)
  await using two = start(2)
  await using three = start(3)
  const workers = [one, two, three]
  for (const worker of workers) await worker.says(/ ready/)
  const producing = run(process.execPath, ['produce.mjs', '0', String(COUNT)], { cwd, env })
  for (let round = 0; round < 2; round++) {
    for (const worker of workers) {
      worker.signal('SIGHUP')
      await worker.says(/ ready/, round + 2)
    }
  }
  expect(await producing).toMatchObject({ code: 0, stderr: '' })
  await until(() => fleet.ended().size === COUNT, { timeoutMs: 60_000 })
  for (const worker of workers) worker.signal('SIGTERM')
  for (const worker of workers) expect(await worker.exited).toBe(0)
  // What a worker had claimed and not begun may have gone back, and bears the mark of it: nothing else is a redelivery.
  expect([...fleet.begun().values()].filter((times) => times !== 1)).toEqual([])
})

test.each([
  ['prefork', 12],
  ['threads', 6],
] as const)(
  'children and workers of %s that are killed at any moment under load lose nothing',
  {
    timeout: 120_000,
  },
  async (pool, kills) => {
    using fleet = makeFleet()
    const { cwd } = fleet
    await using redis = await startRedis({})
    const env = { CELERY_BROKER_URL: `${redis.url}/0` }
    const args = ['-A', 'app', 'worker', '-l', 'info', '-P', pool, '-c', '2', '--processes', '2']
    await using supervisor = new Command(args, { cwd, env })
    await supervisor.says(/ ready/, 2)
    const producing = run(process.execPath, ['produce.mjs', '0', String(COUNT)], { cwd, env })
    const below = async (pid: number): Promise<number[]> => {
      const { stdout } = await run('ps', ['-o', 'pid=,args=', '--ppid', String(pid)])
      return stdout
        .split('\n')
        .flatMap((line) => (line.includes('lovage (celery) worker') ? [Number.parseInt(line, 10)] : []))
    }
    for (let kill = 0; kill < kills; kill++) {
      const workers = await below(supervisor.pid)
      // Threads have no process of their own to be killed.
      const children = pool === 'threads' ? [] : (await Promise.all(workers.map(below))).flat()
      const victims = kill % 4 === 3 || pool === 'threads' ? workers : children
      const victim = victims[kill % victims.length]
      if (victim !== undefined) await run('kill', ['-9', String(victim)])
      await new Promise((resolve) => setTimeout(resolve, 100 + 37 * kill))
    }
    expect(await producing).toMatchObject({ code: 0, stderr: '' })
    await until(() => fleet.ended().size === COUNT, { timeoutMs: 60_000 })
    // At most three redeliveries each, and hardly any: only what ran when its child was killed.
    expect(Math.max(...fleet.begun().values())).toBeLessThanOrEqual(4)
    supervisor.signal('SIGTERM')
    expect(await supervisor.exited).toBe(0)
  },
)
