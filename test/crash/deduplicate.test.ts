import { readFileSync } from 'node:fs'
import { Lovage } from 'lovage'
import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { Command } from '../cli/command.js'
import { makeProject } from '../loader/project.js'

const APP = `
import { appendFileSync } from 'node:fs'
import { Lovage } from 'lovage'
export const app = new Lovage('shop', {
  broker: process.env.BROKER, resultBackend: process.env.RESULTS, brokerLease: 1.5, workerDeduplicateSuccessfulTasks: true,
})
app.task({ name: 'mail.send', run: (ctx) => appendFileSync('runs.txt', ctx.id + '\\n') })`

test('a task whose worker died between result and acknowledgement is not run again where successes are remembered', {
  timeout: 90_000,
}, async () => {
  using shop = makeProject({ 'package.json': '{"type":"module"}', 'app.mjs': APP })
  const cwd = shop.folder
  // Two files: what lies in one is settled in one step, and leaves nothing between.
  const [broker, resultBackend] = [`sqlite://${cwd}/queue.db`, `sqlite://${cwd}/results.db`]
  const env = { BROKER: broker, RESULTS: resultBackend }
  const args = ['-A', 'app.mjs', 'worker', '-l', 'info']
  await using app = new Lovage('shop', { broker, resultBackend, env: {} })
  const sent = await app.sendTask('mail.send')
  await using first = new Command(args, { cwd, env: { ...env, LOVAGE_CRASH_POINT: 'settle:after-result' } })
  expect(await first.exited).toBe('SIGKILL')
  expect(await sent.state()).toBe('SUCCESS')

  await using second = new Command(args, { cwd, env })
  await second.says(/was redelivered but has already succeeded: it is not run again/)
  await until(
    async () => (await (await coreOf(app).broker()).depths(['celery'])).get('celery')?.unacked === 0,
  )
  expect(readFileSync(`${cwd}/runs.txt`, 'utf8')).toBe(`${sent.id}\n`)
  second.signal('SIGTERM')
  expect(await second.exited).toBe(0)
})
