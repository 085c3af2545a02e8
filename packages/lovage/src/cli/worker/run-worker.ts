import type { AppCore } from '../../app/core/index.js'
import type { Lovage } from '../../app/index.js'
import { ConfigurationError, counted, setDefaultLogger } from '../../kernel/index.js'
import {
  BlockWatch,
  type ChosenPool,
  choosePool,
  fileNameFrom,
  followLauncher,
  type LogOutput,
  makePool,
  type NodeEnd,
  nodeNameFrom,
  processName,
  READY,
  RESTARTED,
  runNode,
  Supervisor,
  supervisedPlace,
  takePidFile,
} from '../../node/index.js'
import { letYoungHeapGrow, tellParent, workerTitle } from '../../process/index.js'
import { detach, isDetached, isToDetach, tellStarted } from '../shared/detach.js'
import { EXIT } from '../shared/exit-codes.js'
import { enterWorkdir, openApp, sourceOf, warnIfOverruled } from '../shared/open-app.js'
import { letAppSetLogger, openProcessLog } from '../shared/process-log.js'
import { ownArgv, restartSelf } from '../shared/restart-self.js'
import { banner } from './banner.js'
import { become } from './become.js'
import type { WorkerCommandOptions } from './worker-options.js'

/** A worker stops on its own within its `workerShutdownTimeout`; this is for one that does not. */
const PATIENCE_MS = 600_000

/** Runs one or several workers from the command line; resolves to the exit code. */
export async function runWorker(options: WorkerCommandOptions): Promise<number> {
  enterWorkdir(options)
  become(options)
  const place = supervisedPlace()
  const hostname = processName(nodeNameFrom(options.hostname), place)
  if (isToDetach(options)) return detach(options, hostname)
  const log = await openProcessLog(options, hostname)
  setDefaultLogger(log.logger)
  process.title = workerTitle(hostname)
  // The pid file names the process to signal: the supervisor, if there is one.
  const releasePidFile =
    options.pidfile === undefined || place ? undefined : takePidFile(fileNameFrom(options.pidfile, hostname))
  let offLauncher = (): void => {}
  try {
    const { processes } = options
    // A process must not outlive its supervisor, or the package manager that started it.
    const endSelf = (): void => void process.kill(process.pid, 'SIGTERM')
    if (place) process.once('disconnect', endSelf)
    else if (!isDetached()) offLauncher = followLauncher(endSelf)
    if (processes !== undefined && !place) {
      process.title = workerTitle(`${hostname} supervisor`)
      const supervisor = new Supervisor({
        count: processes,
        argv: ownArgv(),
        logger: log.logger,
        patienceMs: PATIENCE_MS,
        onSettled: tellStarted,
      })
      return await supervisor.run()
    }
    const end = await serve(options, hostname, log)
    if (end === 'restart') return await restartSelf(log.logger, PATIENCE_MS)
    return end === 'warm' ? EXIT.ok : EXIT.failed
  } finally {
    offLauncher()
    releasePidFile?.()
  }
}

async function serve(options: WorkerCommandOptions, hostname: string, log: LogOutput): Promise<NodeEnd> {
  const source = sourceOf(options, options.include, settingsOf(options))
  const { app, core, file } = await openApp(options, 'tasks', source)
  await app.signals.tell('celerydInit', { hostname, options: { ...options } })
  await letAppSetLogger(app, hostname, log)
  sayWhatIsOverruled(app, options)
  const pool = choosePool(
    options.pool ?? app.conf.workerPool,
    app.conf,
    options.autoscale?.min ?? options.concurrency,
  )
  const queues = queuesOf(core, options)
  sayWhatIsNot(app, options)
  tellStarted()
  const watch = new BlockWatch(core, { log: log.options, isSupervised: supervisedPlace() !== undefined })
  const end = await runNode(core, {
    hostname,
    queues,
    pool: makePool(pool, core, { source, hostname, onFirstRun: () => watch.start() }),
    // Once: later messages are meant for the running workers.
    purge:
      options.purge === true && process.env[RESTARTED] === undefined && (supervisedPlace()?.index ?? 1) === 1,
    ...(options.autoscale ? { autoscale: options.autoscale } : {}),
    ...(options.heartbeatInterval === undefined ? {} : { heartbeatSeconds: options.heartbeatInterval }),
    ...(options.withoutHeartbeat ? { heartbeatSeconds: 0 } : {}),
    ...(options.withoutMingle ? { asksForNamesakes: false } : {}),
    ...(options.exitWhenIdle === undefined ? {} : { exitWhenIdleS: options.exitWhenIdle }),
    ...(options.maxRuntime === undefined ? {} : { maxRuntimeS: options.maxRuntime }),
    ...(options.beat ? { beat: scheduleOf(options) } : {}),
    ...(options.prefetchMultiplier === undefined ? {} : { prefetchMultiplier: options.prefetchMultiplier }),
    onConnected(facts) {
      const text = { ...facts, app, file, pool }
      if (log.format === 'pretty' && !options.quiet) process.stderr.write(`${banner(text)}\n`)
      else announce(app, hostname, facts.broker.location, facts.results?.location, queues, pool)
    },
    onReady(worker) {
      watch.follow(worker)
      letYoungHeapGrow()
      tellParent(READY)
    },
  })
  await watch.stop()
  return end
}

const scheduleOf = ({ schedule }: WorkerCommandOptions) => (schedule === undefined ? {} : { schedule })

/** The options as settings, which yield to the app's own code. */
const settingsOf = (options: WorkerCommandOptions) => ({
  taskTimeLimit: options.timeLimit,
  taskSoftTimeLimit: options.softTimeLimit,
  workerMaxTasksPerChild: options.maxTasksPerChild,
  workerMaxMemoryPerChild: options.maxMemoryPerChild,
  workerMetricsPort: options.metricsPort,
  workerMetricsHost: options.metricsHost,
  workerSendTaskEvents: options.taskEvents,
  workerLogFormat: options.logformat,
})

function sayWhatIsOverruled(app: Lovage, options: WorkerCommandOptions): void {
  warnIfOverruled(app, '--time-limit', options.timeLimit, app.conf.taskTimeLimit)
  warnIfOverruled(app, '--soft-time-limit', options.softTimeLimit, app.conf.taskSoftTimeLimit)
  warnIfOverruled(app, '--max-tasks-per-child', options.maxTasksPerChild, app.conf.workerMaxTasksPerChild)
  warnIfOverruled(app, '--logformat', options.logformat, app.conf.workerLogFormat)
  warnIfOverruled(app, '--metrics-port', options.metricsPort, app.conf.workerMetricsPort)
  warnIfOverruled(app, '--max-memory-per-child', options.maxMemoryPerChild, app.conf.workerMaxMemoryPerChild)
}

/** `-Q`, else the queues in the settings, without those of `-X`. */
function queuesOf(app: AppCore, { queues, excludeQueues = [] }: WorkerCommandOptions): readonly string[] {
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
  // As with Celery, an empty -Q, such as that of an unset variable, is none.
  const wanted = queues && queues.length > 0 ? queues : declared
  return wanted.filter((name) => !excludeQueues.includes(name))
}

/** Celery options without an effect because their behaviour is the default here: logs one line about them. */
function sayWhatIsNot(app: Lovage, options: WorkerCommandOptions): void {
  const said: readonly (readonly [given: unknown, sentence: string])[] = [
    [
      options.optimization,
      `-O ${options.optimization}: a worker always takes only what it has free slots for`,
    ],
    [options.statedb, '--statedb: revokes are stored beside the broker; no file is written'],
    [options.withoutGossip, '--without-gossip: workers never gossip'],
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
    `${hostname} starts: ${counted(pool.concurrency, 'task')} at once (${pool.reason})`,
  )
}
