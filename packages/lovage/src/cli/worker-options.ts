import { CommandError, EXIT } from './exit.js'
import type { GlobalOptions } from './global-options.js'
import type { LogOptions } from './logging.js'

/** The options of `worker` and `dev`, as commander reads them. */
export interface WorkerCommandOptions extends GlobalOptions, LogOptions {
  readonly queues?: readonly string[]
  readonly excludeQueues?: readonly string[]
  readonly concurrency?: string
  readonly hostname?: string
  readonly include?: readonly string[]
  readonly pool?: string
  readonly purge?: boolean
  readonly prefetchMultiplier?: string
}

/** What other parts of Celery's worker do and this version does not: refused, because ignoring it would be worse. */
const NOT_YET: Readonly<Record<string, string>> = {
  taskEvents: '-E',
  beat: '-B',
  schedule: '-s',
  detach: '-D',
  pidfile: '--pidfile',
  timeLimit: '--time-limit',
  softTimeLimit: '--soft-time-limit',
  maxTasksPerChild: '--max-tasks-per-child',
  maxMemoryPerChild: '--max-memory-per-child',
  autoscale: '--autoscale',
  processes: '--processes',
}

/** @throws {CommandError} for an option that this version does not have. */
export function refuseWhatIsMissing(options: object): void {
  for (const [name, flag] of Object.entries(NOT_YET)) {
    if (Object.hasOwn(options, name))
      throw new CommandError(`${flag} is not there yet in this version.`, {
        hint: 'Leave it out, or run that part with Celery.',
      })
  }
}

/** Which pool runs the tasks, and what is to be said about it. */
export function choosePool(named: string | undefined): { readonly kind: 'async'; readonly notice?: string } {
  switch (named) {
    case undefined:
    case 'auto':
    case 'async':
      return { kind: 'async' }
    case 'gevent':
    case 'eventlet':
      return { kind: 'async', notice: `pool ${named} means async here: one event loop, many tasks that wait` }
    default:
      throw new CommandError(`There is no pool ${named} in this version; there is async.`, {
        exitCode: EXIT.usage,
        hint: 'Run more workers to use more processors.',
      })
  }
}

/** A whole number given on the command line. */
export function wholeNumber(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new CommandError(`${flag} takes a whole number above 0, not ${text}.`)
}
