import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, resolve } from 'node:path'
import { ConfigurationError } from 'lovage'
import { Jobs } from '../actions/jobs.js'
import { auditInterrupted, liveActions } from '../actions/live-actions.js'
import { liveData, UnknownFleetError } from '../data/live-data.js'
import { Fleet, type WatchOptions } from '../fleets/fleet.js'
import type { FleetOptions } from '../fleets/fleet-options.js'
import type { HistoryStore } from '../history/history-store.js'
import { SqliteHistory } from '../history/sqlite/sqlite-history.js'
import type { DashboardParts } from './dashboard.js'

/** The options of a dashboard. */
export interface DashboardOptions extends WatchOptions {
  /** At least one; the first is the default when a URL names none. */
  readonly fleets: readonly FleetOptions[]
  /**
   * The location of the histories: a path, to which `.NAME.sqlite` is added for each fleet, or a `postgresql://` URL, where each fleet
   * has the schema `lovage_dashboard_NAME`. Default `flower` in the working directory.
   */
  readonly db?: string
  /** Refuses all changes. Default false. */
  readonly readOnly?: boolean
  /** The path prefix behind a proxy: `flower`, `/tools/flower`. Default: the root. */
  readonly urlPrefix?: string
}

/** Watched fleets, and the parts of pages and APIs. */
export interface OpenDashboard extends DashboardParts, AsyncDisposable {
  /** @internal */
  readonly fleets: ReadonlyMap<string, Fleet>
  /** Returns the named fleet, or the first without a name. @throws {UnknownFleetError} @internal */
  readonly fleetOf: (name: string | undefined) => Fleet
  readonly readOnly: boolean
  /** Stops background work, writes pending events, and closes the histories; the apps stay open. Once is enough. */
  close(): Promise<void>
}

/**
 * Opens the histories, and starts listening.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID for an invalid fleet name or prefix.
 * @throws {ConnectionError} LVG_STORE_UNSUITABLE when a history cannot be opened.
 * @example
 * import { openDashboard } from '@lovage/dashboard'
 * await using dashboard = await openDashboard({ fleets: [{ name: 'shop', app }], db: 'var/dashboard' })
 */
export async function openDashboard(options: DashboardOptions): Promise<OpenDashboard> {
  const { fleets: given, db = 'flower', readOnly = false, urlPrefix = '', ...watch } = options
  const prefix = prefixOf(urlPrefix)
  const fleets = new Map<string, Fleet>()
  for (const options of given) {
    const { name } = options
    checkName(name, fleets)
    const { store, folder } = await openHistory(db, name)
    fleets.set(name, new Fleet(options, store, folder, watch))
  }
  if (fleets.size === 0) throw wrong('A dashboard needs a fleet to watch.')
  const fleetOf = (name: string | undefined): Fleet => {
    const [first] = fleets.values()
    const fleet = name === undefined ? first : fleets.get(name)
    if (!fleet) throw new UnknownFleetError(name ?? '', [...fleets.keys()])
    return fleet
  }
  const jobs = new Jobs(auditInterrupted)
  await Promise.all([...fleets.values()].map((fleet) => fleet.start()))
  for (const fleet of fleets.values()) jobs.watch(fleet)
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= jobs
      .close()
      .then(() => Promise.all([...fleets.values()].map((fleet) => fleet.close())))
      .then(() => {})
    return closed
  }
  return {
    data: liveData({ fleets, readOnly, jobs: (fleet) => jobs.list(fleet) }),
    actions: liveActions({ fleetOf, jobs, readOnly }),
    prefix,
    fleets,
    fleetOf,
    readOnly,
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** A history, and a folder for files beside it. */
async function openHistory(
  db: string,
  fleet: string,
): Promise<{ readonly store: HistoryStore; readonly folder: string }> {
  if (/^postgres(?:ql)?:/.test(db)) {
    const { openHistoryDatabase } = await import('../history/postgres/database.js')
    const { PostgresHistory } = await import('../history/postgres/postgres-history.js')
    const database = await openHistoryDatabase(db, `lovage_dashboard_${fleet}`)
    return { store: new PostgresHistory(database, fleet), folder: tmpdir() }
  }
  const path = resolve(`${db}.${fleet}.sqlite`)
  const folder = dirname(path)
  mkdirSync(folder, { recursive: true })
  return { store: new SqliteHistory(path, fleet), folder }
}

function checkName(name: string, known: ReadonlyMap<string, unknown>): void {
  if (!/^[\w.-]{1,64}$/.test(name))
    throw wrong(`${JSON.stringify(name)} is not a valid fleet name: letters, digits, -, _ and ., at most 64.`)
  if (known.has(name)) throw wrong(`There are two fleets named ${name}.`)
}

function prefixOf(text: string): string {
  const inner = text.replace(/^\/+|\/+$/g, '')
  if (inner === '') return ''
  if (!/^[\w.~/-]+$/.test(inner)) throw wrong(`The prefix ${JSON.stringify(text)} is not a path.`)
  return `/${inner}`
}

const wrong = (message: string): ConfigurationError =>
  new ConfigurationError(message, { code: 'LVG_CONFIG_INVALID' })
