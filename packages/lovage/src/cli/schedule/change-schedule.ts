import { openSchedules, type Schedules } from '../../beat/index.js'
import { ConfigurationError } from '../../kernel/index.js'
import type { GlobalOptions } from '../shared/open-app.js'
import { printSchedule } from '../shared/print-schedule.js'
import { useApp } from '../shared/use-app.js'
import { changesOf, type EntryOptions, scheduleOf } from './schedule-entry.js'

/** The options of the `schedule` commands. */
export interface ScheduleCommandOptions extends GlobalOptions, EntryOptions {
  readonly store?: string
  readonly json?: boolean
}

/** A command's work on the schedule. */
type Work = (schedules: Schedules, options: ScheduleCommandOptions) => Promise<void>

/** Opens the schedule of the app for one command. */
export function onSchedule(options: ScheduleCommandOptions, work: Work): Promise<void> {
  return useApp(options, 'tasks', async ({ core }) => {
    await using schedules = await openSchedules(
      core,
      options.store === undefined ? {} : { schedule: options.store },
    )
    await work(schedules, options)
  })
}

export const print: Work = async (schedules, options) => printSchedule(await schedules.list(), options)

export const add =
  (name: string, task: string): Work =>
  async (schedules, options) => {
    const schedule = scheduleOf(options)
    if (!schedule) {
      throw new ConfigurationError('When is it due? Give --every, --crontab, --solar or --at.', {
        code: 'LVG_USAGE',
      })
    }
    if (
      schedule.kind === 'clocked' &&
      schedule.next(Date.now(), { anchorMs: 0, timeZone: 'UTC' }) === undefined
    ) {
      throw new ConfigurationError(`${options.at} has passed; it would never run.`, { code: 'LVG_USAGE' })
    }
    await schedules.add(name, { ...changesOf(options), task, schedule })
    await say(schedules, name, options)
  }

export const change =
  (name: string): Work =>
  async (schedules, options) => {
    const before = (await schedules.list()).find((entry) => entry.name === name)
    const changes = changesOf(options, before?.definition)
    if (Object.keys(changes).length === 0) {
      throw new ConfigurationError('Nothing to change was given. See --help.', { code: 'LVG_USAGE' })
    }
    await schedules.change(name, changes)
    await say(schedules, name, options)
  }

export const each =
  (verb: 'enable' | 'disable' | 'run' | 'remove' | 'reset', names: readonly string[]): Work =>
  async (schedules, options) => {
    for (const name of names) {
      const said = await schedules[verb](name)
      if (typeof said === 'string') console.log(said)
      else if (verb === 'remove' && !options.quiet) console.log(`${name} was removed.`)
      else await say(schedules, name, options)
    }
  }

/** Prints the resulting state of an entry. */
async function say(schedules: Schedules, name: string, { quiet }: ScheduleCommandOptions): Promise<void> {
  const entry = quiet ? undefined : (await schedules.list()).find((one) => one.name === name)
  if (!entry) return
  const next =
    entry.nextMs === undefined ? 'no further run' : `next run ${new Date(entry.nextMs).toISOString()}`
  console.log(
    `${name}: ${entry.task}, ${entry.schedule} (${entry.timezone}); ${entry.enabled ? next : 'disabled'}.`,
  )
}
