import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Lovage } from 'lovage'
import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { Command, lovage } from '../cli/command.js'
import { makeProject } from '../loader/project.js'

const APP = `
import { appendFileSync } from 'node:fs'
import { Lovage } from 'lovage'
export const app = new Lovage('shop', {
  broker: 'sqlite://' + process.cwd() + '/queue.db', brokerLease: 1.5,
  largePayloadUrl: 'file://' + process.cwd() + '/payloads', largePayloadBytes: 1000,
})
app.task({
  name: 'double',
  run: (ctx, text) => {
    appendFileSync('runs.txt', ctx.id + '\\n')
    return text + text
  },
})`
const LARGE = 'x'.repeat(5000)

test('a producer or worker that dies between a payload and what names it loses nothing', {
  timeout: 90_000,
}, async () => {
  using shop = makeProject({ 'package.json': '{"type":"module"}', 'app.mjs': APP })
  const cwd = shop.folder
  const stored = (): readonly string[] =>
    readdirSync(join(cwd, 'payloads'), { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isFile() && !entry.name.startsWith('.') ? [entry.name] : [],
    )
  const dies = { LOVAGE_CRASH_POINT: 'payload:after-put' }
  await using sender = new Command(['-A', 'app.mjs', 'call', 'double', '-a', `["${LARGE}"]`], {
    cwd,
    env: dies,
  })
  expect(await sender.exited).toBe('SIGKILL')
  const queues = async () => JSON.parse((await lovage(['-A', 'app.mjs', 'queues', '--json'], { cwd })).stdout)
  // A payload that no message names: its day takes it away.
  expect(stored()).toHaveLength(1)
  expect(await queues()).toMatchObject([{ ready: 0, unacked: 0 }])

  await using app = new Lovage('shop', {
    broker: `sqlite://${cwd}/queue.db`,
    largePayloadUrl: `file://${cwd}/payloads`,
    largePayloadBytes: 1000,
    env: {},
  })
  const sent = await app.sendTask('double', { args: [LARGE] })
  const worker = ['-A', 'app.mjs', 'worker', '-l', 'info']
  await using first = new Command(worker, { cwd, env: dies })
  expect(await first.exited).toBe('SIGKILL')
  // The result's payload is there, the result is not, and the task comes again.
  expect(stored()).toHaveLength(3)
  expect(await sent.state()).toBe('PENDING')
  await using second = new Command(worker, { cwd })
  expect(await sent.get({ timeout: 60 })).toBe(LARGE + LARGE)
  await until(async () => (await queues())[0]?.unacked === 0)
  expect(readFileSync(`${cwd}/runs.txt`, 'utf8')).toBe(`${sent.id}\n${sent.id}\n`)
  expect(second.isRunning).toBe(true)
})
