import type { Clock } from './clock.js'
import { ConfigurationError } from './errors.js'
import type { Logger } from './logger.js'
import { redactUrl } from './redact.js'

/** What every driver is opened with. */
export interface DriverOptions {
  /** The app's settings by name; a driver reads those that are its own (`brokerTransportOptions`, `resultExpires`). */
  readonly settings: Readonly<Record<string, unknown>>
  readonly clock: Clock
  readonly logger: Logger
  /** Where what is answered to this app in this process arrives; a name that nobody else has. */
  readonly replyTo?: string
}

/** Opens what a URL names. */
export type OpenDriver<T> = (url: string, options: DriverOptions) => Promise<T>

/** Loads a driver when it is first named. */
type LoadDriver<T> = () => Promise<OpenDriver<T>>

/** Every scheme of Redis's: one server, one behind Sentinels, one of a Cluster. */
const REDIS_SCHEMES = [
  'redis',
  'rediss',
  'redis+socket',
  'sentinel',
  'redis+cluster',
  'rediss+cluster',
] as const

/** One driver for all of Redis's schemes. */
export const redisDriver = <Load>(load: Load): Readonly<Record<string, Load>> =>
  Object.fromEntries(REDIS_SCHEMES.map((scheme) => [scheme, load]))

/**
 * Opens a driver by the URL's scheme; drivers are loaded when they are first named, so that nobody pays for what is
 * not used.
 * @throws {ConfigurationError} LVG_DRIVER_UNKNOWN naming the schemes that there are; LVG_DRIVER_MISSING naming the
 * package to install.
 */
export async function openByScheme<T>(
  what: string,
  drivers: Readonly<Record<string, LoadDriver<T>>>,
  url: string,
  options: DriverOptions,
): Promise<T> {
  const load = driverOf(drivers, url)
  if (!load) throw unknownScheme(what, drivers, url)
  const open = await load().catch((error: unknown) => {
    throw missingPackage(error) ?? error
  })
  return open(url, options)
}

/** Why no driver serves a URL: LVG_DRIVER_UNKNOWN naming the schemes that there are; undefined when one does. */
export function schemeProblem(
  what: string,
  drivers: Readonly<Record<string, unknown>>,
  url: string,
  hint: string,
): ConfigurationError | undefined {
  return driverOf(drivers, url) === undefined ? unknownScheme(what, drivers, url, hint) : undefined
}

function driverOf<T>(drivers: Readonly<Record<string, T>>, url: string): T | undefined {
  const scheme = schemeOf(url)
  return scheme === undefined || !Object.hasOwn(drivers, scheme) ? undefined : drivers[scheme]
}

const schemeOf = (url: string): string | undefined =>
  /^([a-z][a-z0-9+.-]*):/i
    .exec(url)?.[1]
    ?.toLowerCase()
    // SQLAlchemy names its own driver there.
    .replace(/^((?:db\+)?(?:postgresql|postgres|sqlite))\+\w+$/, '$1')

function unknownScheme(
  what: string,
  drivers: Readonly<Record<string, unknown>>,
  url: string,
  hint?: string,
): ConfigurationError {
  const known = Object.keys(drivers).map((name) => `${name}://`)
  return new ConfigurationError(`No ${what} serves ${redactUrl(url)}; there are ${known.join(', ')}.`, {
    code: 'LVG_DRIVER_UNKNOWN',
    ...(hint === undefined ? {} : { hint }),
    details: { scheme: schemeOf(url) ?? null, known },
  })
}

function missingPackage(error: unknown): ConfigurationError | undefined {
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
  const name = isMissing ? /Cannot find package '([^']+)'/.exec(error.message)?.[1] : undefined
  if (name === undefined) return undefined
  return new ConfigurationError(`This driver needs the package ${name}: npm install ${name}`, {
    code: 'LVG_DRIVER_MISSING',
    details: { package: name },
    cause: error,
  })
}
