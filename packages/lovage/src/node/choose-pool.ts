import type { Settings } from '../app/index.js'
import { CapabilityError } from '../kernel/index.js'

/** Which pool runs the tasks, and why, for the banner. */
export interface ChosenPool {
  readonly kind: 'async'
  readonly concurrency: number
  readonly reason: string
}

/** Tasks at once in a pool whose tasks wait more than they compute. */
const ASYNC_CONCURRENCY = 100

/**
 * The pool that `-P` or `workerPool` asks for; `auto` chooses by what the settings need.
 * @throws {CapabilityError} LVG_CAPABILITY_MISSING for a pool that this version does not have.
 */
export function choosePool(
  asked: Settings['workerPool'],
  conf: Settings,
  concurrency: number | undefined,
): ChosenPool {
  const chosen = {
    kind: 'async',
    concurrency: concurrency ?? conf.workerConcurrency ?? ASYNC_CONCURRENCY,
  } as const
  switch (asked) {
    case 'async':
      return { ...chosen, reason: '-P async' }
    case 'gevent':
    case 'eventlet':
      return { ...chosen, reason: `-P ${asked} is the event loop here` }
    case 'auto': {
      const limits = needsProcesses(conf)
      return limits.length === 0
        ? { ...chosen, reason: 'auto: no hard limit, no limit per child' }
        : { ...chosen, reason: `auto: ${limits.join(', ')} not enforced, this version has no prefork pool` }
    }
    case 'solo':
      return { ...chosen, concurrency: 1, reason: '-P solo: one task at a time in this process' }
    default:
      throw new CapabilityError(`The pool ${asked} is not part of this version.`, {
        code: 'LVG_CAPABILITY_MISSING',
        hint: 'Use -P async.',
      })
  }
}

/** The settings that only children of their own can keep. */
function needsProcesses(conf: Settings): readonly string[] {
  const names = ['taskTimeLimit', 'workerMaxTasksPerChild', 'workerMaxMemoryPerChild'] as const
  return names.filter((name) => conf[name] !== undefined && conf[name] !== null)
}
