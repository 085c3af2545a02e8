import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { makeProject } from '../loader/project.js'
import { startRedis } from '../servers.js'
import { Command, lovage } from './command.js'

/** Its tasks end when the file `gate` exists; a stop hands back what runs at once. */
const APP = `
import { appendFileSync, existsSync } from 'node:fs'
import { Lovage } from 'lovage'
export const app = new Lovage('jobs', { workerShutdownTimeout: 0, ...(process.env.BROKER ? { brokerUrl: process.env.BROKER } : {}) })
const note = (text: string) => appendFileSync(new URL('./runs.txt', import.meta.url), text + '\\n')
app.task({
  name: 'gated',
  params: ['label'],
  run: async (_ctx, label: string) => {
    note('begin ' + label)
    while (!existsSync(new URL('./gate', import.meta.url))) await new Promise((resolve) => setTimeout(resolve, 20))
    note('end ' + label)
  },
})`

const makeJobs = () => makeProject({ 'package.json': '{"name":"jobs","type":"module"}', 'app.ts': APP })
const runs = (folder: string): string =>
  existsSync(`${folder}/runs.txt`) ? readFileSync(`${folder}/runs.txt`, 'utf8') : ''
async function call(cwd: string, label: string): Promise<void> {
  const { code, stderr } = await lovage(['-A', 'app', 'call', 'gated', '-a', `["${label}"]`], { cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
}
const depthsOf = async (cwd: string): Promise<unknown> =>
  JSON.parse((await lovage(['-A', 'app', 'queues', '--json'], { cwd })).stdout)

test('--exit-when-idle ends a worker once it has done all that waits', { timeout: 60_000 }, async () => {
  using jobs = makeJobs()
  const cwd = jobs.folder
  for (const label of ['a', 'b', 'c']) await call(cwd, label)
  await using worker = new Command(['-A', 'app', 'worker', '-c', '1', '--exit-when-idle', '0.1'], { cwd })
  await until(() => runs(cwd).includes('begin a'))
  writeFileSync(`${cwd}/gate`, '')
  expect(await worker.exited).toBe(0)
  expect(worker.stderr).toContain('the worker ends: it has had nothing to do for 0.1 s')
  expect(runs(cwd).match(/end/g)).toHaveLength(3)
})

test('--exit-when-idle ends all processes of a supervisor, and without a number waits 10 s', {
  timeout: 60_000,
}, async () => {
  using jobs = makeJobs()
  const cwd = jobs.folder
  await using several = new Command(['-A', 'app', 'worker', '--processes', '2', '--exit-when-idle=1'], {
    cwd,
  })
  await using single = new Command(['-A', 'app', 'worker', '--exit-when-idle'], { cwd })
  expect(await several.exited).toBe(0)
  expect(await single.exited).toBe(0)
  expect(single.stderr).toContain('nothing to do for 10 s')
  const refused = await lovage(['-A', 'app', 'worker', '--exit-when-idle', 'soon'], { cwd })
  expect(refused).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('It must be a number of seconds'),
  })
})

test('a worker whose broker is away is not idle', { timeout: 60_000 }, async () => {
  await using redis = await startRedis({ appendonly: 'always' })
  using jobs = makeJobs()
  const cwd = jobs.folder
  const env = { BROKER: redis.url }
  const args = ['-A', 'app', 'call', 'gated', '-a', '["only"]']
  expect(await lovage(args, { cwd, env })).toMatchObject({ code: 0 })
  await using worker = new Command(['-A', 'app', 'worker', '--exit-when-idle', '0.1'], { cwd, env })
  await until(() => runs(cwd).includes('begin only'))
  await redis.kill()
  writeFileSync(`${cwd}/gate`, '')
  await worker.says(/cannot tell whether there is work left; the worker stays/)
  await redis.restart()
  expect(await worker.exited).toBe(0)
  expect(runs(cwd)).toContain('end only')
})

test('--max-runtime claims no more, finishes what runs however long it takes, and ends with 0', {
  timeout: 60_000,
}, async () => {
  using jobs = makeJobs()
  const cwd = jobs.folder
  for (const label of ['first', 'second']) await call(cwd, label)
  const args = ['-A', 'app', 'worker', '-c', '1', '--max-runtime', '2']
  await using worker = new Command(args, { cwd })
  await worker.says(/the worker ends: it has run for 2 s; 1 running task may finish/)
  writeFileSync(`${cwd}/gate`, '')
  expect(await worker.exited).toBe(0)
  expect(runs(cwd)).toBe('begin first\nend first\n')
  expect(await depthsOf(cwd)).toMatchObject([{ name: 'celery', ready: 1, unacked: 0, dead: 0 }])
})

test('a signal shortens the draining', { timeout: 60_000 }, async () => {
  using jobs = makeJobs()
  const cwd = jobs.folder
  await call(cwd, 'first')
  await using worker = new Command(['-A', 'app', 'worker', '-c', '1', '--max-runtime', '2'], { cwd })
  await worker.says(/1 running task may finish/)
  worker.signal('SIGTERM')
  expect(await worker.exited).toBe(0)
  expect(runs(cwd)).toBe('begin first\n')
  expect(await depthsOf(cwd)).toMatchObject([{ name: 'celery', ready: 1, unacked: 0, dead: 0 }])
})
