import type { AppCore } from '../app/core/index.js'
import type { CoordinationStore } from '../coordination/index.js'
import { driverOf, fileUrl, openCoordinationStore, openScheduleStore } from '../drivers/index.js'
import { type DriverOptions, newId, nodeName } from '../kernel/index.js'
import { appSender } from './app-sender.js'
import { Beat, type BeatTuning } from './beat.js'
import { codeEntries } from './code-entries.js'
import { Schedules } from './schedules.js'

/** Where an app's schedule is kept; anything absent comes from its settings. */
export interface ScheduleLocation {
  /** A file (SQLite) or a URL. Default `beatScheduleFilename`, else beside the messages. */
  readonly schedule?: string
}

/** Options of a beat; anything absent comes from the app's settings. */
export interface OpenBeatOptions extends ScheduleLocation, BeatTuning {}

/** A beat with the resources opened for it. */
export interface OpenBeat extends AsyncDisposable {
  readonly beat: Beat
  /** The schedule's location, without a password. */
  readonly location: string
  /** Stops the beat and closes its store; the app stays open. */
  close(): Promise<void>
}

/**
 * Creates a beat for an app; `beat.run()` starts it.
 * @throws {ConfigurationError} LVG_SCHEDULE_INVALID for an invalid entry, LVG_CONFIG_INVALID, LVG_DRIVER_…
 */
export async function openBeat(app: AppCore, options: OpenBeatOptions = {}): Promise<OpenBeat> {
  const { schedule: _, ...tuning } = options
  const backend = app.hasResults ? await app.results() : undefined
  // Invalid entries should be reported now, not in the log of a leader.
  codeEntries(app, backend)
  const url = scheduleUrl(app, options)
  const store = await openScheduleStore(url, app.main, driverOptions(app))
  const [coordination, closeCoordination] = await coordinationOf(app, url)
  const { beatMaxLoopInterval, beatLease, beatScheduleKinds, timezone } = app.conf
  const beat = new Beat({
    space: app.main,
    store,
    coordination,
    sender: appSender(app),
    codeEntries: () => codeEntries(app, backend),
    kinds: beatScheduleKinds,
    timeZone: timezone,
    ...(beatMaxLoopInterval > 0 ? { maxIntervalMs: beatMaxLoopInterval * 1000 } : {}),
    leaseMs: beatLease * 1000,
    holder: `${nodeName('beat')}-${newId()}`,
    clock: app.clock,
    logger: app.logger,
    ...tuning,
  })
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= (async () => {
      await beat.stop()
      await store.close()
      await closeCoordination()
    })()
    return closing
  }
  return { beat, location: store.location, close, [Symbol.asyncDispose]: close }
}

/** Opens an app's schedule, to read and change it while beats run, or while none does. */
export async function openSchedules(app: AppCore, options: ScheduleLocation = {}): Promise<Schedules> {
  const store = await openScheduleStore(scheduleUrl(app, options), app.main, driverOptions(app))
  const backend = app.hasResults ? await app.results() : undefined
  return new Schedules(app, store, appSender(app), () => codeEntries(app, backend))
}

/** The same, if every machine sees the same schedule; undefined when it is in a file, which belongs to one machine. */
export async function schedulesOfFleet(app: AppCore): Promise<Schedules | undefined> {
  const url = scheduleUrl(app, {})
  return driverOf(url)?.reach === 'machine' && url !== app.brokerUrl ? undefined : openSchedules(app)
}

const driverOptions = ({ conf, clock, logger }: AppCore): DriverOptions => ({ settings: conf, clock, logger })

function scheduleUrl(app: AppCore, { schedule = app.conf.beatScheduleFilename }: ScheduleLocation): string {
  if (schedule !== undefined) return /^[a-z][a-z0-9+.-]*:\/\//i.test(schedule) ? schedule : fileUrl(schedule)
  if (driverOf(app.brokerUrl)?.schedule) return app.brokerUrl
  // RabbitMQ keeps messages only; beats on several machines need a store that all of them reach.
  return app.conf.coordinationUrl ?? fileUrl('lovage-schedule.db')
}

/** Beats elect their leader in the app's coordination store; RabbitMQ has none, so the schedule's own store is used. */
async function coordinationOf(
  app: AppCore,
  url: string,
): Promise<[CoordinationStore, close: () => Promise<void>]> {
  if (app.conf.coordinationUrl !== undefined || driverOf(app.brokerUrl)?.coordination)
    return [await app.coordination(), async () => {}]
  const store = await openCoordinationStore(url, driverOptions(app))
  return [store, () => store.close()]
}
