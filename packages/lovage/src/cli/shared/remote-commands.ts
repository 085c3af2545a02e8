import { counted } from '../../kernel/index.js'
/** A remote control command on the command line. */
export interface RemoteCommand {
  readonly name: string
  readonly summary: string
  /** Parameter names: `x` is required, `[x]` is optional, `x...` is the rest. */
  readonly parameters: readonly string[]
}

const command = (name: string, summary: string, ...parameters: string[]): RemoteCommand => ({
  name,
  summary,
  parameters,
})

/** The commands of `inspect`; names and parameters are Celery's. */
export const INSPECTIONS: readonly RemoteCommand[] = [
  command('active', 'running tasks'),
  command('active_queues', 'consumed queues'),
  command('clock', 'logical clocks'),
  command('conf', 'settings, secrets masked', '[with_defaults]'),
  command('memdump', 'resident memory'),
  command('memsample', 'resident memory'),
  command('ping', 'which nodes are up'),
  command('query_task', 'find tasks by id', 'ids...'),
  command('registered', 'registered tasks', '[taskinfoitems...]'),
  command('report', 'information for a bug report'),
  command('reserved', 'claimed tasks that have not started'),
  command('revoked', 'ids of revoked tasks'),
  command('scheduled', 'tasks waiting for their time'),
  command('stats', 'statistics and configuration'),
]

/** The commands of `control`; names and parameters are Celery's. */
export const ORDERS: readonly RemoteCommand[] = [
  command(
    'add_consumer',
    'start consuming a queue',
    'queue',
    '[exchange]',
    '[exchange_type]',
    '[routing_key]',
  ),
  command('autoscale', 'change the bounds of autoscaling', '[max]', '[min]'),
  command('cancel_consumer', 'stop consuming a queue', 'queue'),
  command('disable_events', 'stop sending task events'),
  command('enable_events', 'send task events'),
  command('heartbeat', 'send a heartbeat'),
  command('pool_grow', 'add slots', '[n]'),
  command('pool_restart', 'restart the pool'),
  command('pool_shrink', 'remove slots', '[n]'),
  command('rate_limit', 'change how often a task may run', 'task_name', 'rate_limit'),
  command('revoke', 'keep tasks from running, even if no worker is up', 'task_id...'),
  command('revoke_by_stamped_headers', 'revoke tasks by their stamps', 'headers...'),
  command('shutdown', 'shut down, after running tasks have finished'),
  command('terminate', 'stop running tasks', 'signal', 'task_id...'),
  command('time_limit', 'change how long a task may run, in seconds', 'task_name', 'soft', '[hard]'),
]

/**
 * Binds the words on a command line to the parameter names that nodes expect.
 * @returns the arguments, or a sentence that states what is missing or superfluous.
 */
export function bindWords(
  { name, parameters }: RemoteCommand,
  words: readonly string[],
): Readonly<Record<string, unknown>> | string {
  const bound: Record<string, unknown> = {}
  let at = 0
  for (const parameter of parameters) {
    const key = parameter.replace(/[[\].]/g, '')
    if (parameter.includes('...')) {
      const rest = words.slice(at)
      if (rest.length === 0 && !parameter.startsWith('[')) return `${name} needs ${key}.`
      bound[key] = rest
      at = words.length
      continue
    }
    const word = words[at]
    if (word === undefined) {
      if (!parameter.startsWith('[')) return `${name} needs ${key}.`
      break
    }
    bound[key] = NUMBERS.has(key) ? Number(word) : key === 'with_defaults' ? word !== 'false' : word
    at++
  }
  if (at < words.length)
    return `${name} takes ${counted(parameters.length, 'argument')}, but ${counted(words.length, 'was', 'were')} given.`
  return bound
}

const NUMBERS: ReadonlySet<string> = new Set(['n', 'max', 'min', 'soft', 'hard'])
