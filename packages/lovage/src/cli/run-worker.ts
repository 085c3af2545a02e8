import type { Lovage } from '../app/index.js'
import { ConfigurationError, setDefaultLogger } from '../kernel/index.js'
import {
  type ChosenPool,
  choosePool,
  fileNameFrom,
  makePool,
  nodeNameFrom,
  runNode,
  takePidFile,
} from '../node/index.js'
import { banner } from './banner.js'
import type { WorkerCommandOptions } from './commands/worker-options.js'
import { detach, isToDetach, tellStarted } from './detach.js'
import { enterWorkdir, openApp, sourceOf, warnIfOverruled } from './open-app.js'
import { openProcessLog } from './process-log.js'

/** Runs a worker as the command line says; resolves to the exit code. */
export async function runWorker(options: WorkerCommandOptions): Promise<number> {
  enterWorkdir(options)
  const hostname = nodeNameFrom(options.hostname)
  if (isToDetach(options)) return detach(options, hostname)
  const log = await openProcessLog(options, hostname)
  setDefaultLogger(log.logger)
  const releasePidFile =
    options.pidfile === undefined ? undefined : takePidFile(fileNameFrom(options.pidfile, hostname))
  try {
    const source = sourceOf(options, options.include, settingsOf(options))
    const { app, file } = await openApp(options, 'tasks', source)
    sayWhatIsOverruled(app, options)
    const pool = choosePool(options.pool ?? app.conf.workerPool, app.conf, options.concurrency)
    const queues = queuesOf(app, options)
    sayWhatIsNot(app, options)
    tellStarted()
    return await runNode(app, {
      hostname,
      queues,
      pool: makePool(pool, app, { source, hostname }),
      purge: options.purge ?? false,
      ...(options.beat ? { beat: scheduleOf(options) } : {}),
      ...(options.prefetchMultiplier === undefined ? {} : { prefetchMultiplier: options.prefetchMultiplier }),
      onConnected(facts) {
        const text = { ...facts, app, file, pool }
        if (log.format === 'pretty' && !options.quiet) process.stderr.write(`${banner(text)}\n`)
        else announce(app, hostname, facts.broker.location, facts.results?.location, queues, pool)
      },
    })
  } finally {
    releasePidFile?.()
  }
}

const scheduleOf = ({ schedule }: WorkerCommandOptions) => (schedule === undefined ? {} : { schedule })

/** What the options say as settings: weaker than the app's own code. */
const settingsOf = (options: WorkerCommandOptions) => ({
  taskTimeLimit: options.timeLimit,
  taskSoftTimeLimit: options.softTimeLimit,
  workerMaxTasksPerChild: options.maxTasksPerChild,
  workerMaxMemoryPerChild: options.maxMemoryPerChild,
})

function sayWhatIsOverruled(app: Lovage, options: WorkerCommandOptions): void {
  warnIfOverruled(app, '--time-limit', options.timeLimit, app.conf.taskTimeLimit)
  warnIfOverruled(app, '--soft-time-limit', options.softTimeLimit, app.conf.taskSoftTimeLimit)
  warnIfOverruled(app, '--max-tasks-per-child', options.maxTasksPerChild, app.conf.workerMaxTasksPerChild)
  warnIfOverruled(app, '--max-memory-per-child', options.maxMemoryPerChild, app.conf.workerMaxMemoryPerChild)
}

/** `-Q`, else the queues of the settings, without those of `-X`. */
function queuesOf(app: Lovage, { queues, excludeQueues = [] }: WorkerCommandOptions): readonly string[] {
  const declared = app.router.declared.map(({ name }) => name)
  const unknown = excludeQueues.filter((name) => !declared.includes(name) && !queues?.includes(name))
  if (unknown.length > 0) {
    throw new ConfigurationError(
      `-X names ${unknown.join(', ')}; the queues are ${(queues ?? declared).join(', ')}.`,
      {
        code: 'LVG_USAGE',
      },
    )
  }
  return (queues ?? declared).filter((name) => !excludeQueues.includes(name))
}

/** Options of Celery's that ask for what is so already: one line, so that nobody wonders. */
function sayWhatIsNot(app: Lovage, options: WorkerCommandOptions): void {
  const said: readonly (readonly [given: unknown, sentence: string])[] = [
    [
      options.optimization,
      `-O ${options.optimization}: a worker takes only what it has free slots for, always`,
    ],
    [options.statedb, '--statedb: revokes are kept beside the broker; no file is written'],
    [options.withoutGossip, '--without-gossip: workers do not gossip'],
    [options.withoutMingle, '--without-mingle: workers do not ask each other when they start'],
    [options.withoutHeartbeat, '--without-heartbeat: no heartbeat events are sent'],
    [
      options.pool === 'gevent' || options.pool === 'eventlet',
      `-P ${options.pool}: tasks run on Node's event loop`,
    ],
  ]
  for (const [given, sentence] of said) if (given) app.logger.info({}, sentence)
}

function announce(
  app: Lovage,
  hostname: string,
  broker: string,
  results: string | undefined,
  queues: readonly string[],
  pool: ChosenPool,
): void {
  app.logger.info(
    {
      hostname,
      app: app.main,
      pid: process.pid,
      broker,
      results: results ?? null,
      queues,
      pool: pool.kind,
      concurrency: pool.concurrency,
      tasks: app.tasks.names(),
    },
    `${hostname} starts: ${pool.concurrency} tasks at once (${pool.reason})`,
  )
}
