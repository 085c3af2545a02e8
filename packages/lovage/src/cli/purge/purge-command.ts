import type { Command } from 'commander'
import { commaList } from '../shared/argv.js'
import type { GlobalOptions } from '../shared/open-app.js'

interface PurgeCommandOptions extends GlobalOptions {
  readonly force?: boolean
  readonly queues?: readonly string[]
  readonly excludeQueues?: readonly string[]
}

export function addPurge(program: Command): void {
  program
    .command('purge [queues...]')
    .summary('remove all messages of queues')
    .description(
      'Removes what waits and what is delayed in the named queues (without a name: in those of the settings), permanently. What workers hold is not touched.',
    )
    .option('-f, --force', 'do not ask for confirmation')
    .option('-Q, --queues <names>', 'queues, same as the positional names', commaList)
    .option('-X, --exclude-queues <names>', 'queues of the settings to exclude', commaList)
    .addHelpText('after', HELP)
    .action(async (names: readonly string[], _options, command: Command) => {
      const options = command.optsWithGlobals<PurgeCommandOptions>()
      const { useApp } = await import('../shared/use-app.js')
      const { purge } = await import('./purge.js')
      process.exitCode = await useApp(options, 'settings', ({ core }) =>
        purge(core, { ...options, queues: [...names, ...(options.queues ?? [])] }),
      )
    })
}

const HELP = `
Examples:
  $ lovage -A src/app.ts purge mail
  $ lovage -A src/app.ts purge -f -X critical`
