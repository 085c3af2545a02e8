import type { Lovage } from '../../app/index.js'
import { importModules } from '../../loader/index.js'
import { runWorkerProcess } from '../../node/index.js'
import type { Worker } from '../../worker/index.js'
import { banner } from '../banner.js'
import { openApp } from '../global-options.js'
import { commandLogger } from '../logging.js'
import { expandNodeName } from '../node-name.js'
import { choosePool, refuseWhatIsMissing, type WorkerCommandOptions, wholeNumber } from '../worker-options.js'

/** `lovage worker` */
export async function worker(options: WorkerCommandOptions): Promise<void> {
  refuseWhatIsMissing(options)
  const pool = choosePool(options.pool)
  const logger = await commandLogger(options)
  const app = await openApp(options)
  app.logger = logger
  const prefetch = wholeNumber(options.prefetchMultiplier, '--prefetch-multiplier')
  if (prefetch !== undefined) app.configFromCommandLine({ workerPrefetchMultiplier: prefetch })
  await importModules([...app.conf.include, ...app.conf.imports, ...(options.include ?? [])], process.cwd())
  const hostname = expandNodeName(options.hostname ?? 'celery@%h')
  const queues = chosenQueues(app, options)
  const concurrency = wholeNumber(options.concurrency, '-c') ?? app.conf.workerConcurrency ?? 100
  if (!options.quiet) process.stdout.write(banner(app, { hostname, queues, concurrency, pool: pool.kind }))
  warn(app, pool.notice)
  if (options.purge) await purgeAll(app, queues)
  const onReady = (ready: Worker): void => {
    app.logger.info({ hostname: ready.hostname, queues: ready.queues }, `${ready.hostname} ready.`)
    void advise(app)
  }
  await runWorkerProcess(app, { hostname, queues, concurrency }, { onReady })
}

function chosenQueues(app: Lovage, options: WorkerCommandOptions): readonly string[] {
  const excluded = new Set(options.excludeQueues)
  return (options.queues ?? app.router.declared.map((queue) => queue.name)).filter(
    (name) => !excluded.has(name),
  )
}

function warn(app: Lovage, notice: string | undefined): void {
  if (notice) app.logger.warn({}, notice)
  if (process.getuid?.() === 0)
    app.logger.warn({}, 'running as root: a task can do whatever root can; run as another user')
  for (const name of app.unroutedNames())
    app.logger.warn({ task: name }, `a route names ${name}, but no task here has that name: is it misspelt?`)
}

async function advise(app: Lovage): Promise<void> {
  try {
    for (const sentence of await (await app.broker()).check()) app.logger.warn({}, sentence)
  } catch (error) {
    app.logger.warn({ err: error }, 'the broker could not be looked over')
  }
}

async function purgeAll(app: Lovage, queues: readonly string[]): Promise<void> {
  const broker = await app.broker()
  for (const queue of queues)
    app.logger.warn({ queue }, `purged ${await broker.purge(queue)} messages from ${queue}`)
}
