import { availableParallelism } from 'node:os'
import type { AppCore } from '../app/core/index.js'
import type { Settings } from '../app/settings/index.js'
import type { AppSource } from '../loader/index.js'
import { AsyncPool, ChildPool, type WorkerPool } from '../worker/index.js'

/** The pool that runs the tasks, and the reason, for the banner. */
export interface ChosenPool {
  readonly kind: WorkerPool['kind']
  readonly concurrency: number
  readonly reason: string
}

/** Concurrency of a pool for tasks that mostly wait. */
const ASYNC_CONCURRENCY = 100

/**
 * The pool requested by `-P` or `workerPool`. `auto` chooses by the settings: child processes where a limit is set that only they can
 * enforce.
 */
export function choosePool(
  asked: Settings['workerPool'],
  conf: Settings,
  concurrency: number | undefined,
): ChosenPool {
  const wanted = concurrency ?? conf.workerConcurrency
  const onLoop = (reason: string): ChosenPool => ({
    kind: 'async',
    concurrency: wanted ?? ASYNC_CONCURRENCY,
    reason,
  })
  const inChildren = (kind: 'prefork' | 'threads', reason: string): ChosenPool => ({
    kind,
    concurrency: wanted ?? availableParallelism(),
    reason,
  })
  switch (asked) {
    case 'async':
      return onLoop('-P async')
    case 'gevent':
    case 'eventlet':
      return onLoop(`-P ${asked} is the event loop here`)
    case 'prefork':
    case 'threads':
      return inChildren(asked, `-P ${asked}`)
    case 'solo':
      return { kind: 'solo', concurrency: 1, reason: '-P solo: one task at a time in this process' }
    case 'auto': {
      const limits = needsProcesses(conf)
      return limits.length === 0
        ? onLoop('auto: no hard limit, no limit per child')
        : inChildren('prefork', `auto: ${limits.join(', ')} ${limits.length > 1 ? 'are' : 'is'} set`)
    }
  }
}

/** Creates a pool; `source` is the app source for its children, if any. */
export function makePool(
  { kind, concurrency: slots }: ChosenPool,
  { conf, clock, logger }: AppCore,
  {
    source,
    hostname,
    onFirstRun,
  }: {
    readonly source: AppSource
    readonly hostname: string
    /** Called before the first task that runs on this process's own event loop. */
    readonly onFirstRun?: () => void
  },
): WorkerPool {
  if (kind === 'async' || kind === 'solo')
    return new AsyncPool(slots, clock, { kind, ...(onFirstRun ? { onFirstRun } : {}) })
  const { workerMaxTasksPerChild: tasks, workerMaxMemoryPerChild: memory } = conf
  return new ChildPool(kind, {
    slots,
    source,
    hostname,
    clock,
    logger,
    ...(tasks ? { maxTasksPerChild: tasks } : {}),
    ...(memory ? { maxMemoryPerChild: memory } : {}),
  })
}

/** The settings that only child processes can enforce. */
function needsProcesses(conf: Settings): readonly string[] {
  const names = ['taskTimeLimit', 'workerMaxTasksPerChild', 'workerMaxMemoryPerChild'] as const
  return names.filter((name) => conf[name] !== undefined && conf[name] !== null && conf[name] !== 0)
}
