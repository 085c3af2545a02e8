import type { Command } from 'commander'
import { commaList } from '../shared/argv.js'
import type { GlobalOptions } from '../shared/open-app.js'
import { numberOf } from '../shared/option-values.js'
import type { MigrateOptions } from './migrate.js'

/** `migrate SRC DST` moves messages between brokers; without them it is `db migrate`. */
export function addMigrate(program: Command): void {
  program
    .command('migrate [source] [destination]')
    .summary('move messages to another broker')
    .description(
      'Moves what waits, and what waits for its time, from one broker to another, of the same kind or not. Each message is removed only when the destination has it, so that nothing is lost whenever this is ended; repeat it, and it goes on. What workers hold stays theirs: let them finish, and repeat it. Dead letters and results stay. Without source and destination: the same as db migrate.',
    )
    .option('-Q, --queues <names>', 'queues to move (default: all)', commaList)
    .option('-n, --limit <n>', 'end after so many messages', numberOf)
    .option('-t, --timeout <seconds>', 'end when nothing came for so long (default: 2)', numberOf)
    .option('-F, --forever', 'go on until Ctrl+C, with what producers still send')
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
        if (destination === undefined) command.error('error: say where to, too: migrate SOURCE DESTINATION')
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
      'Moves all that waits in a queue to another of the same broker, in atomic batches: each message is in one of the two at any time. What workers hold stays theirs. What waits for its time stays, and is counted: it comes to the old queue when it is due.',
    )
    .option('--create', 'take a queue that nobody knows yet')
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
