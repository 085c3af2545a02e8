import type { Command } from 'commander'
import { commaList } from '../shared/argv.js'
import type { GlobalOptions } from '../shared/open-app.js'
import { countOf, secondsOf } from '../shared/option-values.js'
import type { MigrateOptions } from './migrate.js'

/** `migrate SRC DST` moves messages between brokers; without them it is `db migrate`. */
export function addMigrate(program: Command): void {
  program
    .command('migrate [source] [destination]')
    .summary('move messages to another broker')
    .description(
      'Moves waiting and delayed messages from one broker to another, of the same kind or not. Each message is removed only after the destination has accepted it, so nothing is lost if the command is interrupted; run it again to continue. Messages held by workers stay with them: let them finish, and run it again. Dead letters and results stay. Without source and destination: the same as db migrate.',
    )
    .option('-Q, --queues <names>', 'queues to move (default: all)', commaList)
    .option('-n, --limit <n>', 'stop after this many messages', countOf)
    .option(
      '-t, --timeout <seconds>',
      'stop when no message has arrived for this long (default: 2)',
      secondsOf,
    )
    .option('-F, --forever', 'continue until Ctrl+C, with messages that producers still send')
    .option('-j, --json', 'print JSON')
    .addHelpText('after', HELP)
    .action(
      async (
        source: string | undefined,
        destination: string | undefined,
        _options: unknown,
        command: Command,
      ) => {
        const options = command.optsWithGlobals<MigrateOptions>()
        if (source === undefined) {
          const { migrateTables } = await import('../shared/migrate-tables.js')
          return migrateTables(_options, command)
        }
        if (destination === undefined)
          command.error('error: specify the destination, too: migrate SOURCE DESTINATION')
        const { migrate } = await import('./migrate.js')
        await migrate(source, destination, options)
      },
    )
}

interface MigrateQueueOptions extends GlobalOptions {
  readonly create?: boolean
  readonly json?: boolean
}

export function addMigrateQueue(program: Command): void {
  program
    .command('migrate-queue <from> <to>')
    .summary('move messages to another queue')
    .description(
      'Moves all waiting messages of a queue to another queue of the same broker, in atomic batches: at any time each message is in one of the two. Messages held by workers stay with them. Delayed messages stay, and are counted: they arrive in the old queue when they are due.',
    )
    .option('--create', 'create the destination queue if it is unknown')
    .option('-j, --json', 'print JSON')
    .addHelpText('after', QUEUE_HELP)
    .action(async (from: string, to: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<MigrateQueueOptions>()
      const { migrateQueue } = await import('./migrate.js')
      await migrateQueue(from, to, options)
    })
}

const HELP = `
Examples:
  $ lovage migrate redis://old redis://new
  $ lovage -A src/app.ts migrate redis://localhost postgresql://localhost/app -Q mail,billing`

const QUEUE_HELP = `
Examples:
  $ lovage -A src/app.ts migrate-queue low high`
