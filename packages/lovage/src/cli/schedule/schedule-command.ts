import { type Command, Option } from 'commander'
import { PRIORITY, SECONDS } from '../../kernel/index.js'
import { jsonList, jsonObject, parserOf } from '../shared/option-values.js'
import type { ScheduleCommandOptions } from './change-schedule.js'
import { missedOf, secondsOf } from './schedule-entry.js'

export function addSchedule(program: Command): void {
  const schedule = program
    .command('schedule')
    .summary('show and change the schedule')
    .description(
      'Changes the schedule while beats run; they apply a change at once. Changes made here override the code until they are reset.',
    )
    .option(
      '-s, --store <store>',
      'where the schedule is stored: a file or a URL (default: beside the messages)',
    )
    .addHelpText('after', HELP)

  schedule
    .command('list')
    .description('Lists the schedule, with last and next runs in local time and in UTC.')
    .option('--json', 'print JSON')
    .action(async (_options, command: Command) => {
      const { onSchedule, print } = await import('./change-schedule.js')
      await onSchedule(command.optsWithGlobals<ScheduleCommandOptions>(), print)
    })

  withEntryOptions(
    schedule
      .command('add <name> <task>')
      .description('Adds an entry, with one of --every, --crontab, --solar and --at.'),
  ).action(async (name: string, task: string, _options, command: Command) => {
    const { add, onSchedule } = await import('./change-schedule.js')
    await onSchedule(command.optsWithGlobals<ScheduleCommandOptions>(), add(name, task))
  })

  withEntryOptions(
    schedule
      .command('change <name>')
      .description('Changes the given fields of an entry, and leaves the others.')
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
  ['enable', 'Enables entries, from now on.'],
  ['disable', 'Disables entries.'],
  ['run', 'Sends the tasks of entries once, now, and prints their ids.'],
  ['remove', 'Removes entries; the code does not restore them.'],
  ['reset', 'Discards manual changes of entries: the code’s definition applies again.'],
] as const

function withEntryOptions(command: Command): Command {
  return command
    .option('--every <time>', 'an interval: 30, 1.5s, 5m, 1h30m, 2d', secondsOf)
    .option('--crontab <line>', "minute, hour, day of month, month and day of week: '0 2 * * mon-fri'")
    .option('--solar <event,latitude,longitude>', "a solar event: 'sunset,52.52,13.4'")
    .option('--at <time>', 'once, ISO 8601 with an offset: 2027-01-01T09:00:00+01:00')
    .option('--relative', 'with --every: on whole minutes, hours or days of the clock')
    .option('-a, --args <json>', 'positional arguments, as a JSON list', jsonList)
    .option('-k, --kwargs <json>', 'keyword arguments, as a JSON object', jsonObject)
    .option('--queue <name>', 'the queue')
    .option('--priority <n>', '0 to 9, higher first', parserOf(PRIORITY))
    .option('--options <json>', 'additional options of the call, as a JSON object', jsonObject)
    .option('--expires <seconds>', 'drop a run that no worker has started by then', parserOf(SECONDS))
    .option('--timezone <zone>', 'time zone of the schedule: Europe/Berlin')
    .option('--missed <policy>', 'runs missed while no beat was running: skip, once, or backfill:N', missedOf)
    .option(
      '--missed-after <time>',
      'how late a run may be before it counts as missed (default: 30s)',
      secondsOf,
    )
    .addOption(
      new Option('--overlap <policy>', 'whether a run starts while the previous one is unfinished').choices([
        'allow',
        'skip',
      ]),
    )
    .option('--jitter <time>', 'delay each run by up to this much, at random', secondsOf)
    .option('--disabled', 'add it disabled')
}

const HELP = `
Examples:
  $ lovage -A src/app.ts schedule list
  $ lovage -A src/app.ts schedule add nightly reports.build --crontab '0 2 * * *' --timezone Europe/Berlin
  $ lovage -A src/app.ts schedule change nightly --every 90m --queue low
  $ lovage -A src/app.ts schedule disable nightly
  $ lovage -A src/app.ts schedule run nightly`
