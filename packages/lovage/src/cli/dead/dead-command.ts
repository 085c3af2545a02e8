import { type Command, Option } from 'commander'
import type { DeadLetterReason } from '../../dead-letter/index.js'
import { ABOVE_0, FROM_0 } from '../../kernel/index.js'
import { countOf, jsonList, jsonObject, parserOf } from '../shared/option-values.js'
import type { DeadCommandOptions } from './dead-letters.js'

export function addDead(program: Command): void {
  const dead = program
    .command('dead')
    .alias('dead-letter')
    .summary('inspect, retry and remove dead letters')
    .description(
      'Dead letters: tasks that were rejected, failed for good, killed their workers, or cannot be read. They keep the original message, and stay until they are retried or removed. An ID is that of a letter or of its task.',
    )
    .addHelpText('after', HELP)

  withFilters(dead.command('list [ids...]').description('Lists letters, newest first.'))
    .option('-n, --limit <n>', 'at most this many (default 100)', countOf)
    .option('--after <cursor>', 'continue where the previous page ended')
    .option('--json', 'print JSON')
    .action(action('list'))

  dead
    .command('show <ids...>')
    .description('Shows letters with their arguments, secrets masked, and the error of every attempt.')
    .option('--reveal', 'also show secrets')
    .option('--json', 'print JSON')
    .action(action('show'))

  withFilters(
    dead
      .command('retry [ids...]')
      .description(
        'Sends letters back to the queue that they came from. None is lost or sent twice, even if the command is interrupted and repeated.',
      ),
  )
    .option('--all', 'all letters')
    .option('--rate <n>', 'at most this many per second', parserOf(ABOVE_0))
    .option('--to <queue>', 'send to another queue')
    .action(action('retry'))

  dead
    .command('edit <id>')
    .description('Sends a letter back with different arguments.')
    .option('-a, --args <json>', 'positional arguments, as a JSON list', jsonList)
    .option('-k, --kwargs <json>', 'keyword arguments, as a JSON object', jsonObject)
    .option('--to <queue>', 'send to another queue')
    .action(action('edit'))

  withFilters(dead.command('purge [ids...]').description('Removes letters permanently.'))
    .option('--all', 'all letters')
    .option('-f, --force', 'do not ask for confirmation')
    .action(action('purge'))

  withFilters(dead.command('stats').description('Counts letters by queue, task, reason and error.'))
    .option('--json', 'print JSON')
    .action(action('stats'))
}

const REASONS: Readonly<Record<DeadLetterReason, true>> = {
  rejected: true,
  failed: true,
  'worker-lost': true,
  'unknown-task': true,
  'invalid-arguments': true,
  malformed: true,
  unaccepted: true,
  unsupported: true,
  unroutable: true,
}

function withFilters(command: Command): Command {
  return command
    .option('-Q, --queue <name>', 'letters from this queue')
    .option('-t, --task <name>', 'letters of this task')
    .addOption(new Option('--reason <reason>', 'letters for this reason').choices(Object.keys(REASONS)))
    .option('--older-than <days>', 'letters that failed more than this many days ago', parserOf(FROM_0))
}

type Verb = 'list' | 'show' | 'retry' | 'edit' | 'purge' | 'stats'

const action =
  (verb: Verb) =>
  async (...given: unknown[]): Promise<void> => {
    // Commander passes the operands, the options and the command, in this order.
    const command = given.at(-1) as Command
    const ids = [given.length > 2 ? given[0] : []].flat() as readonly string[]
    const options = command.optsWithGlobals<DeadCommandOptions>()
    const { useApp } = await import('../shared/use-app.js')
    const verbs = await import('./dead-letters.js')
    process.exitCode = await useApp(options, 'settings', ({ app }) => verbs[verb](app, ids, options))
  }

const HELP = `
Examples:
  $ lovage -A src/app.ts dead list -Q mail
  $ lovage -A src/app.ts dead show 0b1ad6a0-7a4c-4e8d-9a57-3f2f1f6a2a10
  $ lovage -A src/app.ts dead retry -t mail.send --rate 50
  $ lovage -A src/app.ts dead edit 0b1ad6a0-7a4c-4e8d-9a57-3f2f1f6a2a10 --args '["ada@example.com"]'
  $ lovage -A src/app.ts dead purge --older-than 30`
