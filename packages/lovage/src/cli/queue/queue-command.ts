import type { Command } from 'commander'
import type { GlobalOptions } from '../shared/open-app.js'
import { numberOf } from '../shared/option-values.js'
import type { QueueCommandOptions } from './queued-tasks.js'

export function addQueue(program: Command): void {
  const queue = program
    .command('queue')
    .summary('what waits, task by task: look, run now, later, never')
    .description(
      'Looks at tasks that wait in queues, for a worker or for their time, and changes them by id. What a worker holds can only be looked at: `control revoke` stops it.',
    )
    .addHelpText('after', HELP)

  queue
    .command('list <queue>')
    .description(
      'Prints what is ready, in the order of delivery, what is delayed, by time, and what workers hold.',
    )
    .option('--state <state>', 'ready, delayed or unacked only')
    .option('-n, --limit <n>', 'so many at most (default 100)', numberOf)
    .option('--after <cursor>', 'go on where the page before ended')
    .option('--json', 'print JSON')
    .action(action('list'))

  queue
    .command('peek <ids...>')
    .description('Prints tasks with their arguments and headers; nothing changes.')
    .option('--json', 'print JSON')
    .action(action('peek'))

  queue
    .command('promote <ids...>')
    .description('Runs tasks now that would run later.')
    .action(action('promote'))

  queue
    .command('reschedule <ids...>')
    .description('Runs tasks at another time, earlier or later.')
    .option('--countdown <seconds>', 'in so many seconds', numberOf)
    .option('--eta <time>', 'at a time, ISO 8601')
    .action(action('reschedule'))

  queue
    .command('delete <ids...>')
    .description('Removes tasks for good; their results say REVOKED.')
    .option('-f, --force', 'do not ask')
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
