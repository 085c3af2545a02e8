import { existsSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { ConfigurationError, setDefaultLogger } from '../../kernel/index.js'
import { DeadHolders, openLog, RestartingChild } from '../../node/index.js'
import { enterWorkdir } from '../shared/open-app.js'
import { ownArgv } from '../shared/restart-self.js'
import { runWorker } from '../worker/run-worker.js'
import type { WorkerCommandOptions } from '../worker/worker-options.js'
import { projectFolder, watchSources } from './watch-sources.js'

/** Set in the environment of the child, which has the same command line and runs the worker. */
const CHILD = 'LOVAGE_DEV_CHILD'
/** How long a worker may finish running tasks before it returns the rest. */
const PATIENCE_MS = 2000

/** Runs a worker in a child process and restarts it at every change, until a signal stops both. */
export async function runDev(options: WorkerCommandOptions & { readonly watch?: string }): Promise<number> {
  if (process.env[CHILD] !== undefined) {
    // A worker must not outlive its command.
    process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
    return runWorker(options)
  }
  enterWorkdir(options)
  const { logger } = await openLog({ level: options.loglevel, ...(options.color ? {} : { color: false }) })
  setDefaultLogger(logger)
  const folder = resolve(options.watch ?? projectFolder(process.cwd()))
  if (!existsSync(folder))
    throw new ConfigurationError(`There is no folder ${folder} (--watch).`, { code: 'LVG_USAGE' })
  const child: RestartingChild = new RestartingChild({
    argv: ownArgv(),
    env: { [CHILD]: '1' },
    patienceMs: PATIENCE_MS,
    // A worker that has crashed is followed by one that finds its messages.
    deadHolders: new DeadHolders(() => [child]),
    onEnd: (code) =>
      logger.warn({ exit_code: code }, 'the worker has exited; it restarts at the next change'),
  })
  const watcher = watchSources(folder, (paths) => {
    const [first = folder, ...more] = paths.map((path) => relative(process.cwd(), path))
    logger.info(
      {},
      `${first}${more.length > 0 ? ` and ${more.length} more` : ''} changed: restarting the worker`,
    )
    void child.restart()
  })
  logger.info({}, `watching ${folder}`)
  child.start()
  await new Promise<void>((over) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP'] as const)
      process.on(signal, () => void child.end(signal === 'SIGHUP' ? 'SIGTERM' : signal).then(over))
  })
  watcher.close()
  return 0
}
