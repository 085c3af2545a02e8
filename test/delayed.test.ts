import { Lovage } from 'lovage'
import { until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Command } from './cli/command.js'
import { makeProject } from './loader/project.js'
import { type RedisServer, startRedis } from './servers.js'

/** How many, when run by hand with a million. */
const GIVEN = process.env.DELAYED_TASKS
/** Generous: four machines' worth of other tests may run beside this one. */
const PATIENCE_MS = 150_000 + Number(GIVEN ?? 0)
const AT_ONCE = 5_000
const HOUR = 3600

const APP = `
import { Lovage } from 'lovage'
export const app = new Lovage('shop', { broker: process.env.BROKER, resultBackend: 'disabled://', taskDefaultQueue: 'mail' })
app.task({ name: 'mail.send', run: () => {} })
app.control.command('memory', () => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
})`

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())

describe.each([
  ['SQLite', 100_000, (folder: string) => `sqlite://${folder}/queue.db`],
  // Here a worker moves each into the store.
  ['Redis', 50_000, () => redis.url],
])('delayed tasks on %s', (name, usual, urlIn) => {
  const tasks = Number(GIVEN ?? usual)
  test('in any number take no memory of the worker, which runs what is due meanwhile', {
    timeout: 180_000,
  }, async () => {
    using shop = makeProject({ 'package.json': '{"type":"module"}', 'app.mjs': APP })
    const broker = urlIn(shop.folder)
    await using app = new Lovage('shop', {
      broker,
      resultBackend: 'disabled://',
      env: {},
      taskDefaultQueue: 'mail',
    })
    await using worker = new Command(['-A', 'app.mjs', 'worker', '-l', 'info'], {
      cwd: shop.folder,
      env: { BROKER: broker, NODE_OPTIONS: '--expose-gc' },
    })
    await worker.says(/ ready/)
    const memory = async (): Promise<number> => {
      const answers = Object.values(await app.control.broadcast('memory', {}, { timeout: 30, limit: 1 }))
      return Number(answers[0]) / 1024 / 1024
    }
    const delayed = async (): Promise<number> => (await app.queues.report(['mail']))[0]?.delayed ?? 0

    // What a worker needs for the first few thousand it keeps; what counts is that more of them cost nothing.
    const send = async (count: number): Promise<void> => {
      for (let sent = 0; sent < count; sent += AT_ONCE)
        await Promise.all(
          Array.from({ length: Math.min(AT_ONCE, count - sent) }, () =>
            app.sendTask('mail.send', { countdown: HOUR }),
          ),
        )
    }
    await send(AT_ONCE)
    await until(async () => (await delayed()) === AT_ONCE, { timeoutMs: 30_000 })
    const before = await memory()
    const startMs = performance.now()
    await send(tasks - AT_ONCE)
    const sentMs = performance.now()
    await until(async () => (await delayed()) === tasks, { timeoutMs: PATIENCE_MS })
    const seconds = (ms: number): string => (ms / 1000).toFixed(1)
    const after = await memory()
    if (GIVEN)
      console.log(
        `${name}: ${tasks} delayed; sent in ${seconds(sentMs - startMs)} s, all in the store after ${seconds(performance.now() - startMs)} s;`,
        `the worker holds ${before.toFixed(1)} MiB before, ${after.toFixed(1)} MiB after`,
      )
    // Live memory, not what the process keeps of pages; the messages themselves would take 30 MiB and more.
    expect(after - before).toBeLessThan(8)

    const due = await app.sendTask('mail.send', { countdown: 0.2, taskId: 'due' })
    await worker.says(/mail.send\[due\]|"task_id":"due"/)
    // Its line is written when it begins.
    await until(async () => (await app.queues.find([due.id])).length === 0)
    const [first] = (await app.queues.list('mail', { state: 'delayed', limit: 1 })).items
    expect(await app.queues.promote([first?.id ?? ''])).toBe(1)
    await until(async () => (await delayed()) === tasks - 1)
    worker.signal('SIGTERM')
    expect(await worker.exited).toBe(0)
  })
})
