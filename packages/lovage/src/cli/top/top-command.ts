import type { Command } from 'commander'
import { someSecondsOf } from '../shared/option-values.js'

export function addTop(program: Command): void {
  program
    .command('top')
    .summary('watch a fleet in the terminal')
    .description(
      'Shows the overview of a dashboard in the terminal: what is stuck, queues, workers, throughput. Prints it once where there is no terminal.',
    )
    .option('--url <url>', 'URL of the dashboard, with user and password if needed', 'http://127.0.0.1:5555')
    .option('--fleet <name>', 'which of its fleets; default: the first')
    .option('-n, --interval <seconds>', 'seconds between two updates', someSecondsOf, 2)
    .option('--once', 'print it once, and exit')
    .addHelpText('after', HELP)
    .action(async (_options, command: Command) => {
      const { runTopCommand } = await import('./run-top.js')
      await runTopCommand(command.optsWithGlobals())
    })
}

const HELP = `
Examples:
  $ lovage top
  $ lovage top --url http://ada:secret@dashboard:5555/flower --fleet mail`
