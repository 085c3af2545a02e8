import { existsSync, readFileSync } from 'node:fs'
import { Lovage } from 'lovage'
import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { Command } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { startRedis } from '../servers.js'

const APP = `
import { appendFileSync } from 'node:fs'
import { inBatches, Lovage } from 'lovage'
export const app = new Lovage('shop', { broker: process.env.BROKER, resultBackend: process.env.BROKER, brokerLease: 2 })
app.task({
  name: 'mail.index',
  run: inBatches({ size: 10, seconds: 5 }, async (calls) => {
    for (const [place, { args, succeed }] of calls.entries()) {
      // The batch of the worker that is killed gets stuck half way.
      if (place === 5 && process.env.STUCK) await new Promise(() => setTimeout(() => {}, 600_000))
      appendFileSync('runs.txt', args[0] + '\\n')
      succeed(args[0])
    }
  }),
})`

test('of a batch whose worker is killed, what had ended has ended, and the rest runs again', {
  timeout: 90_000,
}, async () => {
  await using redis = await startRedis()
  const url = `${redis.url}/0`
  using shop = makeProject({ 'package.json': '{"type":"module"}', 'app.mjs': APP })
  const cwd = shop.folder
  await using app = new Lovage('shop', { broker: url, resultBackend: url, env: {} })
  const task = app.remote<[n: number], number>({ name: 'mail.index', options: {} })
  const numbers = Array.from({ length: 10 }, (_, n) => n)
  const sent = await task.applyAsyncMany(numbers.map((n) => ({ args: [n] as [number] })))
  const args = ['-A', 'app.mjs', 'worker', '-l', 'info', '-P', 'async', '-c', '10']
  const runs = () =>
    existsSync(shop.path('runs.txt')) ? readFileSync(shop.path('runs.txt'), 'utf8').trim().split('\n') : []
  {
    await using first = new Command(args, { cwd, env: { BROKER: url, STUCK: '1' } })
    // Each by itself, while the batch runs.
    await until(
      async () =>
        (await Promise.all(sent.slice(0, 5).map((one) => one.state()))).every((state) => state === 'SUCCESS'),
      { what: 'five that have ended', timeoutMs: 30_000 },
    )
    expect(runs()).toHaveLength(5)
    first.signal('SIGKILL')
    await first.exited
  }
  await using second = new Command(args, { cwd, env: { BROKER: url } })
  expect(await Promise.all(sent.map((result) => result.get({ timeout: 30 })))).toEqual(numbers)
  expect(runs().toSorted()).toEqual(numbers.map(String))
  second.signal('SIGTERM')
  expect(await second.exited).toBe(0)
})
