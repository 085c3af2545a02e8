import { type Command, Option } from 'commander'
import { numberOf } from '../shared/option-values.js'

export function addTasks(program: Command): void {
  program
    .command('tasks [search...]')
    .summary('search the history of a dashboard, and act on what is found')
    .description(
      'Lists the tasks that a search finds in the history of a dashboard, the newest first. With --do they are counted, and then all of them retried, revoked, terminated or asked to abort.',
    )
    .option(
      '--url <url>',
      'where the dashboard is, with user and password if need be',
      'http://127.0.0.1:5555',
    )
    .option('--fleet <name>', 'which of its fleets; default: the first')
    .option('-n, --limit <n>', 'how many are listed, at most 500', numberOf, 50)
    .option('--json', 'print JSON, an object a line')
    .addOption(
      new Option('--do <action>', 'do this to everything that is found').choices([
        'retry',
        'revoke',
        'terminate',
        'abort',
      ]),
    )
    .option('-f, --force', 'do it without a question')
    .addHelpText('after', HELP)
    .action(async (search: readonly string[], _options, command: Command) => {
      const { runTasksCommand } = await import('./run-tasks.js')
      process.exitCode = await runTasksCommand(search.join(' '), command.optsWithGlobals())
    })
}

const HELP = `
A search is made of words, phrases in double quotes, AND, OR, NOT or -, parentheses, and fields: name: state: worker: queue: args: kwargs:
result: error: id: received: started: ended: runtime: retries:

Examples:
  $ lovage tasks 'state:FAILURE name:mail received:>2h'
  $ lovage tasks --json -n 500 'error:timeout' | jq .id
  $ lovage tasks --do retry 'state:FAILURE error:"no stock" received:>1d'`
