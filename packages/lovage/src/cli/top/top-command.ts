import type { Command } from 'commander'
import { numberOf } from '../shared/option-values.js'

export function addTop(program: Command): void {
  program
    .command('top')
    .summary('a fleet in the terminal, live')
    .description(
      'Shows in the terminal what the overview of a dashboard says: what is stuck, queues, workers, throughput. Prints it once where there is no terminal.',
    )
    .option(
      '--url <url>',
      'where the dashboard is, with user and password if need be',
      'http://127.0.0.1:5555',
    )
    .option('--fleet <name>', 'which of its fleets; default: the first')
    .option('-n, --interval <seconds>', 'seconds between two pictures', numberOf, 2)
    .option('--once', 'print one picture, and end')
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
