import { type DriverOptions, type OpenDriver, openByScheme, redisDriver } from '../kernel/index.js'
import type { ScheduleStore } from './schedule-store.js'

type OpenForSpace = (url: string, space: string, options: DriverOptions) => Promise<ScheduleStore>

const DRIVERS: Readonly<Record<string, () => Promise<OpenForSpace>>> = {
  memory: async () => {
    const { openMemoryScheduleStore } = await import('./memory/index.js')
    return async (url, space) => openMemoryScheduleStore(url, space)
  },
  sqlite: async () => {
    const { openSqliteScheduleStore } = await import('./sqlite/index.js')
    return (url, space) => openSqliteScheduleStore(url, space)
  },
  ...redisDriver(openRedis),
  postgresql: openPostgres,
  postgres: openPostgres,
}

async function openRedis(): Promise<OpenForSpace> {
  const { openRedisScheduleStore } = await import('./redis/index.js')
  return async (url, space, options) => openRedisScheduleStore(url, space, options)
}

async function openPostgres(): Promise<OpenForSpace> {
  const { openPostgresScheduleStore } = await import('./postgres/index.js')
  return openPostgresScheduleStore
}

/**
 * Opens the entries of the app `space` in the store that a URL names: `sqlite:///path.db`, `redis://host:6379/0`,
 * `postgresql://user@host/database`, `memory://name`.
 *
 * @throws ConfigurationError LVG_DRIVER_UNKNOWN, LVG_DRIVER_MISSING (see `openByScheme`), and whatever the driver
 * throws when its server cannot be used.
 */
export function openScheduleStore(
  url: string,
  space: string,
  options: DriverOptions,
): Promise<ScheduleStore> {
  const drivers = Object.fromEntries(
    Object.entries(DRIVERS).map(([scheme, load]): [string, () => Promise<OpenDriver<ScheduleStore>>] => [
      scheme,
      async () => {
        const open = await load()
        return (location, driverOptions) => open(location, space, driverOptions)
      },
    ]),
  )
  return openByScheme('schedule store', drivers, url, options)
}
