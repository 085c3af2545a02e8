import { type Command, InvalidArgumentError, Option } from 'commander'
import { LEVELS, LOG_FORMAT, levelOf } from '../shared/log-options.js'
import type { BeatCommandOptions } from './run-beat.js'

export function addBeat(program: Command): void {
  program
    .command('beat')
    .summary('send periodic tasks')
    .description(
      'Sends periodic tasks when they are due. Any number of beats may run: one leads, another takes its place when it dies.',
    )
    .option(
      '-s, --schedule <store>',
      'where the schedule is kept: a file, or a URL (default: beside the messages)',
    )
    .option(
      '--max-interval <seconds>',
      'read the schedule again at least this often (default: 300); changes are seen at once anyway',
      secondsOf,
    )
    .option('--list', 'print the schedule, with last and next runs, and end')
    .option('--json', 'with --list: print JSON')
    .addOption(
      new Option('-l, --loglevel <level>', 'how much is logged')
        .choices(LEVELS)
        .argParser(levelOf)
        .default('warning'),
    )
    .option('-f, --logfile <file>', 'log to this file')
    .option('--logformat <format>', LOG_FORMAT)
    .option(
      '--pidfile <file>',
      'write the process id here, and refuse to start while the process in it lives',
    )
    .option('-D, --detach', 'run in the background; needs --logfile')
    .addOption(
      new Option('-S, --scheduler <name>', 'taken for Celery’s sake: there is one scheduler').hideHelp(),
    )
    .addHelpText('after', HELP)
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<BeatCommandOptions>()
      const { listSchedule, runBeatCommand } = await import('./run-beat.js')
      process.exitCode = await (options.list ? listSchedule(options) : runBeatCommand(options))
    })
}

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (!(seconds > 0)) throw new InvalidArgumentError('It is a number of seconds.')
  return seconds
}

const HELP = `
Examples:
  $ lovage -A src/app.ts beat -l info
  $ lovage -A src/app.ts beat --list
  $ lovage -A src/app.ts worker -B          a worker that is also a beat
  $ lovage -A src/app.ts schedule --help    change the schedule while beats run`
