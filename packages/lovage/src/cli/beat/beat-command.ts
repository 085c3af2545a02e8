import { type Command, Option } from 'commander'
import { LEVELS, LOG_FORMAT, levelOf } from '../shared/log-options.js'
import { someSecondsOf } from '../shared/option-values.js'
import type { BeatCommandOptions } from './run-beat.js'

export function addBeat(program: Command): void {
  program
    .command('beat')
    .summary('send periodic tasks')
    .description(
      'Sends periodic tasks when they are due. Any number of beats may run: one leads, and another takes over if it dies.',
    )
    .option(
      '-s, --schedule <store>',
      'where the schedule is stored: a file or a URL (default: beside the messages)',
    )
    .option(
      '--max-interval <seconds>',
      'reload the schedule at least this often (default: 300); changes are noticed at once anyway',
      someSecondsOf,
    )
    .option('--list', 'print the schedule with last and next runs, and exit')
    .option('--json', 'with --list: print JSON')
    .addOption(
      new Option('-l, --loglevel <level>', 'log level').choices(LEVELS).argParser(levelOf).default('warning'),
    )
    .option('-f, --logfile <file>', 'log to this file')
    .option('--logformat <format>', LOG_FORMAT)
    .option(
      '--pidfile <file>',
      'write the process id to this file, and refuse to start while that process is running',
    )
    .option('-D, --detach', 'run in the background; needs --logfile')
    .addOption(
      new Option(
        '-S, --scheduler <name>',
        'accepted for compatibility with Celery: there is one scheduler',
      ).hideHelp(),
    )
    .addHelpText('after', HELP)
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<BeatCommandOptions>()
      const { listSchedule, runBeatCommand } = await import('./run-beat.js')
      process.exitCode = await (options.list ? listSchedule(options) : runBeatCommand(options))
    })
}

const HELP = `
Examples:
  $ lovage -A src/app.ts beat -l info
  $ lovage -A src/app.ts beat --list
  $ lovage -A src/app.ts worker -B          a worker that is also a beat
  $ lovage -A src/app.ts schedule --help    change the schedule while beats run`
