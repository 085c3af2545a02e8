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
  command('active', 'tasks that run'),
  command('active_queues', 'queues that are consumed'),
  command('clock', 'logical clocks'),
  command('conf', 'settings, secrets masked', '[with_defaults]'),
  command('memdump', 'resident memory'),
  command('memsample', 'resident memory'),
  command('ping', 'who is there'),
  command('query_task', 'where tasks are', 'ids...'),
  command('registered', 'tasks that nodes know', '[taskinfoitems...]'),
  command('report', 'what a bug report needs'),
  command('reserved', 'tasks that were claimed and have not begun'),
  command('revoked', 'ids of revoked tasks'),
  command('scheduled', 'tasks that wait for their time'),
  command('stats', 'what nodes have done and how they are set up'),
]

/** The commands of `control`; names and parameters are Celery's. */
export const ORDERS: readonly RemoteCommand[] = [
  command(
    'add_consumer',
    'consume one more queue',
    'queue',
    '[exchange]',
    '[exchange_type]',
    '[routing_key]',
  ),
  command('autoscale', 'change the bounds of autoscaling', '[max]', '[min]'),
  command('cancel_consumer', 'leave a queue', 'queue'),
  command('disable_events', 'tell no more what tasks do'),
  command('enable_events', 'tell what tasks do'),
  command('heartbeat', 'say that they live'),
  command('pool_grow', 'add slots', '[n]'),
  command('pool_restart', 'start the pool again'),
  command('pool_shrink', 'take slots away', '[n]'),
  command('rate_limit', 'change how often a task may run', 'task_name', 'rate_limit'),
  command('revoke', 'keep tasks from running, also where no worker is up', 'task_id...'),
  command('revoke_by_stamped_headers', 'revoke tasks by their stamps', 'headers...'),
  command('shutdown', 'end, what runs is finished'),
  command('terminate', 'stop tasks where they run', 'signal', 'task_id...'),
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
  if (at < words.length) return `${name} takes ${parameters.length} words, ${words.length} were given.`
  return bound
}

const NUMBERS: ReadonlySet<string> = new Set(['n', 'max', 'min', 'soft', 'hard'])
