import type { Command } from 'commander'
import type { GlobalOptions } from '../shared/open-app.js'
import { secondsOf } from '../shared/option-values.js'

interface ResultCommandOptions extends GlobalOptions {
  readonly traceback?: boolean
  readonly wait?: number | true
  readonly json?: boolean
}

export function addResult(program: Command): void {
  program
    .command('result <id>')
    .summary('print the result of a task')
    .description('Prints the value of a task that succeeded, or else its state, on standard error.')
    .option('--traceback', 'print the traceback of a failed task')
    .option('--wait [seconds]', 'wait until it is done, at most this long', secondsOf)
    .option('--json', 'print everything that is stored')
    .addHelpText('after', HELP)
    .action(async (id: string, _options, command: Command) => {
      const options = command.optsWithGlobals<ResultCommandOptions>()
      const { useApp } = await import('../shared/use-app.js')
      const { printResult } = await import('./print-result.js')
      process.exitCode = await useApp(options, 'settings', ({ app }) =>
        printResult(app.asyncResult(id), options),
      )
    })
}

const HELP = `
Exit code: 0 for a task that succeeded, else 1.

Examples:
  $ lovage -A src/app.ts result 0b1ad6a0-7a4c-4e8d-9a57-3f2f1f6a2a10
  $ lovage -A src/app.ts result 0b1ad6a0-7a4c-4e8d-9a57-3f2f1f6a2a10 --traceback`
