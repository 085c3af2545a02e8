import type { Command } from 'commander'
import type { GlobalOptions } from '../shared/open-app.js'

interface ShellCommandOptions extends GlobalOptions {
  readonly include?: readonly string[]
}

export function addShell(program: Command): void {
  program
    .command('shell')
    .summary('open a Node prompt with the app and its tasks')
    .description(
      'Opens a Node prompt where `app`, `tasks`, `AsyncResult` and each task by its own name are available.',
    )
    .addHelpText('after', HELP)
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<ShellCommandOptions>()
      const { useApp } = await import('../shared/use-app.js')
      const { openShell } = await import('./shell.js')
      await useApp(options, 'settings', ({ app }) => openShell(app, { quiet: options.quiet ?? false }))
    })
}

const HELP = `
Example:
  $ lovage -A src/app.ts shell
  > const result = await add.delay(2, 3)
  > await result.get({ timeout: 10 })
  5`
