import { type Command, Option } from 'commander'
import { jsonList, jsonObject, numberOf } from '../shared/option-values.js'
import type { ScheduleCommandOptions } from './change-schedule.js'
import { missedOf, secondsOf } from './schedule-entry.js'

export function addSchedule(program: Command): void {
  const schedule = program
    .command('schedule')
    .summary('look at the schedule and change it')
    .description(
      'Changes the schedule while beats run; they take a change over at once. What is changed here stands against the code until it is reset.',
    )
    .option(
      '-s, --store <store>',
      'where the schedule is kept: a file, or a URL (default: beside the messages)',
    )
    .addHelpText('after', HELP)

  schedule
    .command('list')
    .description('Prints the schedule, with last and next runs in local time and in UTC.')
    .option('--json', 'print JSON')
    .action(async (_options, command: Command) => {
      const { onSchedule, print } = await import('./change-schedule.js')
      await onSchedule(command.optsWithGlobals<ScheduleCommandOptions>(), print)
    })

  withEntryOptions(
    schedule
      .command('add <name> <task>')
      .description('Adds an entry; it needs one of --every, --crontab, --solar and --at.'),
  ).action(async (name: string, task: string, _options, command: Command) => {
    const { add, onSchedule } = await import('./change-schedule.js')
    await onSchedule(command.optsWithGlobals<ScheduleCommandOptions>(), add(name, task))
  })

  withEntryOptions(
    schedule
      .command('change <name>')
      .description('Changes what is named of an entry, and leaves the rest.')
      .option('--task <name>', 'the task'),
  ).action(async (name: string, _options, command: Command) => {
    const { change, onSchedule } = await import('./change-schedule.js')
    await onSchedule(command.optsWithGlobals<ScheduleCommandOptions>(), change(name))
  })

  for (const [verb, description] of VERBS) {
    schedule
      .command(`${verb} <names...>`)
      .description(description)
      .action(async (names: readonly string[], _options, command: Command) => {
        const { each, onSchedule } = await import('./change-schedule.js')
        await onSchedule(command.optsWithGlobals<ScheduleCommandOptions>(), each(verb, names))
      })
  }
}

const VERBS = [
  ['enable', 'Lets entries run again, from now on.'],
  ['disable', 'Keeps entries from running.'],
  ['run', 'Sends the tasks of entries now, once, and prints their ids.'],
  ['remove', 'Removes entries; the code does not bring them back.'],
  ['reset', "Forgets what was changed of entries by hand: the code's word counts again."],
] as const

function withEntryOptions(command: Command): Command {
  return command
    .option('--every <time>', 'an interval: 30, 1.5s, 5m, 1h30m, 2d', secondsOf)
    .option('--crontab <line>', "minute, hour, day of month, month and day of week: '0 2 * * mon-fri'")
    .option('--solar <event,latitude,longitude>', "what the sun does: 'sunset,52.52,13.4'")
    .option('--at <time>', 'once, ISO 8601 with an offset: 2027-01-01T09:00:00+01:00')
    .option('--relative', 'with --every: on whole minutes, hours or days of the clock')
    .option('-a, --args <json>', 'positional arguments, a JSON list', jsonList)
    .option('-k, --kwargs <json>', 'named arguments, a JSON object', jsonObject)
    .option('--queue <name>', 'the queue')
    .option('--priority <n>', '0 to 9, higher first', numberOf)
    .option('--options <json>', 'further options of the call, a JSON object', jsonObject)
    .option('--expires <seconds>', 'a run that no worker took by then is not wanted any more', numberOf)
    .option('--timezone <zone>', 'whose clock the schedule reads: Europe/Berlin')
    .option('--missed <policy>', 'runs missed while no beat was there: skip, once, or backfill:N', missedOf)
    .option('--missed-after <time>', 'how late a run may be before it is missed (default: 30s)', secondsOf)
    .addOption(
      new Option('--overlap <policy>', 'whether a run starts while the last is unfinished').choices([
        'allow',
        'skip',
      ]),
    )
    .option('--jitter <time>', 'make each run up to this much later', secondsOf)
    .option('--disabled', 'do not run it yet')
}

const HELP = `
Examples:
  $ lovage -A src/app.ts schedule list
  $ lovage -A src/app.ts schedule add nightly reports.build --crontab '0 2 * * *' --timezone Europe/Berlin
  $ lovage -A src/app.ts schedule change nightly --every 90m --queue low
  $ lovage -A src/app.ts schedule disable nightly
  $ lovage -A src/app.ts schedule run nightly`
