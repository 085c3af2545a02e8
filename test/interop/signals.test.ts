import { existsSync, readFileSync } from 'node:fs'
import { Lovage } from 'lovage'
import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { Command } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { pythonCelery, startRedis } from '../servers.js'

/** Celery's signals of a worker's process and of what it runs. */
const SIGNALS = [
  ...[
    'celeryd_init',
    'setup_logging',
    'worker_init',
    'worker_process_init',
    'heartbeat_sent',
    'worker_ready',
  ],
  ...['task_received', 'task_prerun', 'task_postrun', 'task_success', 'task_retry', 'task_failure'],
  ...['task_revoked', 'task_rejected', 'task_unknown', 'task_internal_error'],
  ...['worker_shutting_down', 'worker_process_shutdown', 'worker_shutdown'],
]
const PYTHON = `
  import logging
  from celery import signals
  from celery.exceptions import Reject

  def listen(name):
      def heard(sender=None, **told):
          told.pop('signal', None)
          if name == 'setup_logging':
              logging.basicConfig(level=logging.INFO)
          with open(os.environ['HEARD'], 'a') as file:
              file.write(name + ' ' + ' '.join(sorted(told)) + '\\n')
      getattr(signals, name).connect(heard, weak=False)
  for name in '${SIGNALS.join(' ')}'.split():
      listen(name)

  @app.task(name='t.well')
  def well(): return 1
  @app.task(name='t.badly')
  def badly(): raise ValueError('no')
  @app.task(name='t.again', bind=True)
  def again(self):
      if self.request.retries == 0: raise self.retry(countdown=0)
  @app.task(name='t.refuse', acks_late=True)
  def refuse(): raise Reject('no', requeue=False)`

const TYPESCRIPT = `
import { appendFileSync } from 'node:fs'
import { Lovage, Reject } from 'lovage'
export const app = new Lovage('told', { broker: process.env.BROKER, backend: process.env.BROKER })
const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())
for (const name of '${SIGNALS.join(' ')}'.split(' '))
  app.signals.on(camel(name), (told) => appendFileSync(process.env.HEARD, name + ' ' + Object.keys(told).sort().join(' ') + '\\n'))
app.task({ name: 't.well', run: () => 1 })
app.task({ name: 't.badly', run: () => { throw new RangeError('no') } })
app.task({ name: 't.again', run: (ctx) => { if (ctx.retries === 0) throw ctx.retry({ countdown: 0 }) } })
app.task({ name: 't.refuse', run: () => { throw new Reject('no') } })
`

const heardIn = (file: string): string[] =>
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : []
const namesOf = (heard: readonly string[]): string[] => heard.map((line) => line.split(' ')[0] ?? '')
/** What was heard, without what depends on the clock, and what only one of the two tells. */
function story(heard: readonly string[]): string[] {
  const names = namesOf(heard)
  const [first, last] = [names.indexOf('heartbeat_sent'), names.lastIndexOf('heartbeat_sent')]
  return names.filter((name, place) => {
    // Signs of life while tasks run come when they come.
    if (name === 'heartbeat_sent') return place === first || place === last
    // Celery has its log when a worker is made, we have it before. It tells of children only that they end, and of no task that rejects itself.
    return !['setup_logging', 'worker_process_shutdown', 'task_rejected'].includes(name)
  })
}

/** One task of each end, one after the other. */
async function callAll(url: string, heard: () => readonly string[]): Promise<void> {
  await using app = new Lovage('caller', { broker: url, backend: url, env: {} })
  const hears = (name: string, times: number): Promise<unknown> =>
    until(() => namesOf(heard()).filter((one) => one === name).length >= times, {
      what: `${name}; heard were ${heard().join(', ')}`,
      timeoutMs: 30_000,
    })
  await app.sendTask('t.well')
  await hears('task_postrun', 1)
  await app.sendTask('t.badly')
  await hears('task_postrun', 2)
  await app.sendTask('t.again')
  await hears('task_postrun', 4)
  await app.sendTask('t.well', { expires: new Date(Date.now() - 60_000) })
  await hears('task_revoked', 1)
  await app.sendTask('t.refuse')
  await hears('task_postrun', 5)
  await app.sendTask('t.unknown')
  await hears('task_unknown', 1)
}

test('a worker tells of itself and its tasks what Celery tells, in Celery’s order', {
  timeout: 120_000,
}, async () => {
  await using redis = await startRedis({})
  using project = makeProject({ 'package.json': '{"name":"told","type":"module"}', 'app.js': TYPESCRIPT })
  const [theirFile, ourFile] = [project.path('theirs.txt'), project.path('ours.txt')]
  const [theirUrl, ourUrl] = [`${redis.url}/0`, `${redis.url}/1`]
  {
    await using python = await pythonCelery({
      broker: theirUrl,
      backend: theirUrl,
      source: PYTHON,
      env: { HEARD: theirFile },
      args: ['-P', 'solo'],
    })
    await callAll(theirUrl, () => heardIn(theirFile))
    await python.kill('SIGTERM')
  }
  {
    await using ours = new Command(['-A', 'app', 'worker', '-P', 'solo'], {
      cwd: project.folder,
      env: { HEARD: ourFile, BROKER: ourUrl },
    })
    await until(() => namesOf(heardIn(ourFile)).includes('worker_ready'), { timeoutMs: 30_000 })
    await callAll(ourUrl, () => heardIn(ourFile))
    ours.signal('SIGTERM')
    expect(await ours.exited).toBe(0)
  }
  const [theirs, ours] = [heardIn(theirFile), heardIn(ourFile)]
  const rejected = ['task_received', 'task_prerun', 'task_failure', 'task_postrun', 'task_unknown']
  // Here and in Celery since 5.7 a rejected task has failed.
  const told = story(ours)
  const at = told.indexOf('task_unknown') - 2
  expect(told.slice(at - 2, at + 3)).toEqual(rejected)
  expect(told.toSpliced(at, 1)).toEqual(story(theirs))
  expect(told.toSpliced(at, 1)).toEqual([
    ...['celeryd_init', 'worker_init', 'worker_process_init', 'heartbeat_sent', 'worker_ready'],
    ...['task_received', 'task_prerun', 'task_success', 'task_postrun'],
    ...['task_received', 'task_prerun', 'task_failure', 'task_postrun'],
    ...['task_received', 'task_prerun', 'task_retry', 'task_postrun'],
    ...['task_received', 'task_prerun', 'task_success', 'task_postrun'],
    'task_revoked',
    ...['task_received', 'task_prerun', 'task_postrun'],
    'task_unknown',
    ...['worker_shutting_down', 'heartbeat_sent', 'worker_shutdown'],
  ])
  // What they tell of a process is the same, the sender and its name apart.
  expect(theirs).toContain('setup_logging colorize format logfile loglevel')
  expect(ours).toContain('setup_logging colorize format hostname logfile loglevel')
  expect(theirs).toContain('worker_shutting_down exitcode how sig')
  expect(ours).toContain('worker_shutting_down exitCode hostname how signal')
  expect(theirs).toContain('task_revoked expired request signum terminated')
  expect(ours).toContain('task_revoked expired headers signum terminated')
})
