import type { AppCore } from '../app/core/index.js'
import { openSchedules } from '../beat/index.js'
import { driverOf } from '../drivers/index.js'
import { redactUrl } from '../kernel/index.js'

/** An app's store with up-to-date tables. */
export interface MigratedStore {
  readonly what:
    | 'messages'
    | 'dead letters'
    | 'outbox'
    | 'large payloads'
    | 'results'
    | 'coordination'
    | 'schedule'
  /** Without the password. */
  readonly location: string
}

const hasTables = (url: string): boolean => driverOf(url)?.hasTables === true

/**
 * Creates the tables of an app's stores that have any (PostgreSQL, SQLite), and migrates older ones. Stores do that themselves when first
 * opened; this is for a database user with the right to create tables, where the app's own lacks it. Any number of processes may do it at
 * once.
 * @throws {ConfigurationError | ConnectionError} for the first store that cannot be reached or refuses.
 */
export async function migrateStores(app: AppCore): Promise<readonly MigratedStore[]> {
  const { conf, brokerUrl } = app
  const migrated: MigratedStore[] = []
  if (hasTables(brokerUrl)) migrated.push({ what: 'messages', location: (await app.broker()).location })
  const besides = [
    ['dead letters', conf.deadLetterUrl],
    ['outbox', conf.outboxUrl],
    ['large payloads', conf.largePayloadUrl],
  ] as const
  for (const [what, url] of besides) {
    if (url === undefined || (what === 'large payloads' && !hasTables(url))) continue
    // Opened along with the broker.
    await app.broker()
    migrated.push({ what, location: redactUrl(url) })
  }
  if (app.hasResults && hasTables(app.resultUrl))
    migrated.push({ what: 'results', location: (await app.results()).location })
  const coordinationUrl = conf.coordinationUrl ?? brokerUrl
  if (hasTables(coordinationUrl)) {
    await app.coordination()
    migrated.push({ what: 'coordination', location: redactUrl(coordinationUrl) })
  }
  const scheduleUrl = conf.beatScheduleFilename ?? brokerUrl
  if (hasTables(scheduleUrl)) {
    await using schedules = await openSchedules(app)
    migrated.push({ what: 'schedule', location: schedules.location })
  }
  return migrated
}
