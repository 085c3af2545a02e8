import type { Command } from 'commander'
import type { GlobalOptions } from '../shared/open-app.js'
import { countOf, secondsOf } from '../shared/option-values.js'
import type { QueueCommandOptions } from './queued-tasks.js'

export function addQueue(program: Command): void {
  const queue = program
    .command('queue')
    .summary('inspect waiting tasks one by one; run them now, later or never')
    .description(
      'Shows tasks that wait in queues, for a worker or for their time, and changes them by id. Tasks held by a worker can only be shown: `control revoke` stops them.',
    )
    .addHelpText('after', HELP)

  queue
    .command('list <queue>')
    .description(
      'Lists ready tasks in the order of delivery, delayed ones by time, and those held by workers.',
    )
    .option('--state <state>', 'ready, delayed or unacked only')
    .option('-n, --limit <n>', 'at most this many (default 100)', countOf)
    .option('--after <cursor>', 'continue where the previous page ended')
    .option('--json', 'print JSON')
    .action(action('list'))

  queue
    .command('peek <ids...>')
    .description('Shows tasks with their arguments and headers, without changing them.')
    .option('--json', 'print JSON')
    .action(action('peek'))

  queue.command('promote <ids...>').description('Runs delayed tasks now.').action(action('promote'))

  queue
    .command('reschedule <ids...>')
    .description('Runs tasks at another time, earlier or later.')
    .option('--countdown <seconds>', 'in this many seconds', secondsOf)
    .option('--eta <time>', 'at this time, ISO 8601')
    .action(action('reschedule'))

  queue
    .command('delete <ids...>')
    .description('Removes tasks permanently; their results become REVOKED.')
    .option('-f, --force', 'do not ask for confirmation')
    .action(action('remove'))
}

type Verb = 'list' | 'peek' | 'promote' | 'reschedule' | 'remove'

const action =
  (verb: Verb) =>
  async (given: string | readonly string[], _options: unknown, command: Command): Promise<void> => {
    const options = command.optsWithGlobals<GlobalOptions & QueueCommandOptions>()
    const { useApp } = await import('../shared/use-app.js')
    const verbs = await import('./queued-tasks.js')
    process.exitCode = await useApp(options, 'settings', ({ app }) =>
      verbs[verb](app, [given].flat(), options),
    )
  }

const HELP = `
Examples:
  $ lovage -A src/app.ts queue list mail --state delayed
  $ lovage -A src/app.ts queue peek 0b1ad6a0-7a4c-4e8d-9a57-3f2f1f6a2a10
  $ lovage -A src/app.ts queue promote 0b1ad6a0-7a4c-4e8d-9a57-3f2f1f6a2a10
  $ lovage -A src/app.ts queue reschedule 0b1ad6a0-7a4c-4e8d-9a57-3f2f1f6a2a10 --countdown 3600
  $ lovage -A src/app.ts queue delete 0b1ad6a0-7a4c-4e8d-9a57-3f2f1f6a2a10`
