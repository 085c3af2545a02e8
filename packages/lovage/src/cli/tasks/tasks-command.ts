import { type Command, Option } from 'commander'
import { countOf } from '../shared/option-values.js'

export function addTasks(program: Command): void {
  program
    .command('tasks [search...]')
    .summary('search the history of a dashboard, and act on the matches')
    .description(
      'Lists the tasks that match a search in the history of a dashboard, newest first. With --do it counts them, and then retries, revokes, terminates or aborts all of them.',
    )
    .option('--url <url>', 'URL of the dashboard, with user and password if needed', 'http://127.0.0.1:5555')
    .option('--fleet <name>', 'which of its fleets; default: the first')
    .option('-n, --limit <n>', 'how many to list, at most 500', countOf, 50)
    .option('--json', 'print JSON, one object per line')
    .addOption(
      new Option('--do <action>', 'do this to all matches').choices([
        'retry',
        'revoke',
        'terminate',
        'abort',
      ]),
    )
    .option('-f, --force', 'do not ask for confirmation')
    .addHelpText('after', HELP)
    .action(async (search: readonly string[], _options, command: Command) => {
      const { runTasksCommand } = await import('./run-tasks.js')
      process.exitCode = await runTasksCommand(search.join(' '), command.optsWithGlobals())
    })
}

const HELP = `
A search consists of words, phrases in double quotes, AND, OR, NOT or -, parentheses, and fields: name: state: worker: queue: args: kwargs:
result: error: id: received: started: ended: runtime: retries:

Examples:
  $ lovage tasks 'state:FAILURE name:mail received:>2h'
  $ lovage tasks --json -n 500 'error:timeout' | jq .id
  $ lovage tasks --do retry 'state:FAILURE error:"no stock" received:>1d'`
