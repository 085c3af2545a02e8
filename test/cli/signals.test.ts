import { existsSync, readFileSync } from 'node:fs'
import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { makeProject } from '../loader/project.js'
import { Command, lovage } from './command.js'

const APP = `
import { appendFileSync } from 'node:fs'
import { Lovage } from 'lovage'
export const app = new Lovage('told', { beatSchedule: { never: { task: 'told.log', schedule: 86_400 } } })
const write = (file) => (value) => appendFileSync(new URL(file, import.meta.url), JSON.stringify(value) + '\\n')
const heard = write('./heard.txt')
for (const name of ['setupLogging', 'beatInit', 'beatEmbeddedInit', 'workerProcessInit', 'workerReady', 'workerShuttingDown', 'workerProcessShutdown'])
  app.signals.on(name, ({ hostname, ...told }) => heard({ name, hostname, ...told }))
app.signals.on('celerydInit', async ({ hostname, options }) => {
  heard({ name: 'celerydInit', hostname, concurrency: options.concurrency })
  // What is set up may take its time.
  await new Promise((resolve) => setTimeout(resolve, 50))
  if (hostname.startsWith('mailer@')) app.configFromObject({ taskQueues: ['mail'], taskDefaultQueue: 'mail' })
})
const line = (level) => (fields, message) => write('./log.txt')({ level, message })
const logger = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error'), child: () => logger }
app.signals.on('setupLogging', () => { app.logger = logger })
app.signals.on('workerShutdown', async () => {
  await new Promise((resolve) => setTimeout(resolve, 50))
  heard({ name: 'workerShutdown' })
})
app.task({ name: 'told.log', run: (ctx) => { ctx.logger.info({}, 'said in a child') } })
app.task({ name: 'told.slow', run: () => new Promise((resolve) => setTimeout(resolve, 60_000)) })
`

test('listeners set a worker up by its name, log in their own way, and hear of it from its start to its end', {
  timeout: 60_000,
}, async () => {
  using project = makeProject({ 'package.json': '{"name":"told","type":"module"}', 'app.js': APP })
  const cwd = project.folder
  const read = (file: string): Record<string, unknown>[] =>
    existsSync(project.path(file))
      ? readFileSync(project.path(file), 'utf8')
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as Record<string, unknown>)
      : []
  const heard = (name: string) => read('heard.txt').filter((one) => one.name === name)
  const says = (message: string | RegExp): Promise<unknown> =>
    until(() => read('log.txt').some((line) => new RegExp(message).test(String(line.message))), {
      what: String(message),
      timeoutMs: 30_000,
    })
  await using worker = new Command(
    ['-A', 'app', 'worker', '-B', '-P', 'prefork', '-c', '1', '-n', 'mailer@here', '-l', 'debug'],
    { cwd },
  )
  await until(() => heard('workerReady').length > 0, { timeoutMs: 30_000 })
  for (const task of ['told.log', 'told.slow'])
    expect(await lovage(['-A', 'app', 'call', task, '--queue', 'mail'], { cwd })).toMatchObject({ code: 0 })
  await says('said in a child')
  await until(
    async () => (await lovage(['-A', 'app', 'inspect', 'active'], { cwd })).stdout.includes('told.slow'),
    { what: 'a task that runs', timeoutMs: 30_000 },
  )
  worker.signal('SIGTERM')
  await until(() => heard('workerShuttingDown').length === 1, { timeoutMs: 30_000 })
  worker.signal('SIGQUIT')
  expect(await worker.exited).toBe(1)

  const hostname = 'mailer@here'
  expect(read('heard.txt')).toEqual([
    { name: 'celerydInit', hostname, concurrency: 1 },
    { name: 'setupLogging', hostname, loglevel: 'debug', logfile: null, format: 'json', colorize: false },
    { name: 'workerProcessInit', hostname },
    { name: 'beatInit', hostname },
    { name: 'beatEmbeddedInit', hostname },
    { name: 'workerReady', hostname },
    { name: 'workerShuttingDown', hostname, how: 'warm', signal: 'SIGTERM', exitCode: 0 },
    { name: 'workerShuttingDown', hostname, how: 'cold', signal: 'SIGQUIT', exitCode: 1 },
    { name: 'workerShutdown' },
  ])
  expect(read('log.txt').find(({ message }) => /has stopped/.test(String(message)))).toBeDefined()
  expect(worker.stderr).not.toContain('said in a child')
})
