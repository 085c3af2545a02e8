import type { Broker, Queue } from '../broker/index.js'
import type { CoordinationStore } from '../coordination/index.js'
import type { OpenDeadLetterStore } from '../dead-letter/index.js'
import { ConfigurationError, type DriverOptions, isLovageError, redactUrl } from '../kernel/index.js'
import type { ResultBackend } from '../result/index.js'
import type { ScheduleStore } from '../schedule-store/index.js'
import { amqp, rpc } from './amqp/index.js'
import { folder } from './folder/index.js'
import { memory } from './memory/index.js'
import { orMissingPackage } from './missing-package.js'
import { postgres, postgresResults } from './postgres/index.js'
import { redis } from './redis/index.js'
import { s3 } from './s3/index.js'
import type { Driver, Load, PayloadBox } from './shared/index.js'
import { sqlite } from './sqlite/index.js'
import { sqs } from './sqs/index.js'

const encrypted = (driver: Driver): Driver => ({ ...driver, isEncrypted: true })

/** The drivers by the scheme of their URLs. */
const DRIVERS = new Map<string, Driver>(
  Object.entries({
    memory,
    sqlite,
    redis,
    rediss: encrypted(redis),
    'redis+socket': redis,
    sentinel: redis,
    'redis+cluster': redis,
    'rediss+cluster': encrypted(redis),
    // Valkey is served as Redis is: by the same driver, whichever of the two a server is.
    valkey: redis,
    valkeys: encrypted(redis),
    'valkey+socket': redis,
    'valkey+cluster': redis,
    'valkeys+cluster': encrypted(redis),
    postgresql: postgres,
    postgres,
    'db+postgresql': postgresResults,
    file: folder,
    s3,
    amqp,
    amqps: encrypted(amqp),
    pyamqp: amqp,
    rpc,
    sqs,
  }),
)

/** Letters, digits, `+`, `.` and `-`, as in every URL. */
const SCHEME = /^[a-z][a-z0-9+.-]*$/

/** Registers a driver for the URLs of a scheme. */
export function registerDriver(scheme: string, driver: Driver): void {
  const problem = !SCHEME.test(scheme)
    ? 'is not a valid URL scheme: a letter, then letters, digits, +, . and -, all lower case'
    : DRIVERS.has(scheme)
      ? 'is served by another driver'
      : undefined
  if (problem !== undefined)
    throw new ConfigurationError(`${JSON.stringify(scheme)} ${problem}.`, {
      code: 'LVG_CONFIG_INVALID',
      details: { scheme },
      hint: "Register it once, under its own name: registerDriver('acme', driver).",
    })
  DRIVERS.set(scheme, driver)
}

/** The parts of a driver, by their names in errors. */
const PARTS = {
  broker: 'broker',
  results: 'result backend',
  coordination: 'coordination store',
  letters: 'dead letter store',
  schedule: 'schedule store',
  outbox: 'outbox',
  payloads: 'store of large payloads',
} as const
type Part = keyof typeof PARTS

const OWN: ReadonlySet<Driver> = new Set([amqp, memory, postgres, redis, sqlite, sqs])

/**
 * Opens the broker that a URL names: `memory://name`, `sqlite:///path.db`, `redis://host:6379/0`, `postgresql://…`,
 * `amqp://user:password@host/vhost`, `sqs://`, with the stores of dead letters (`deadLetterUrl`) and of large payloads
 * (`largePayloadUrl`), and the outbox (`outboxUrl`), that the settings name.
 *
 * @throws {ConfigurationError} LVG_DRIVER_UNKNOWN naming the known schemes; LVG_CONFIG_INVALID for an unknown transport option;
 * LVG_DRIVER_MISSING naming the package to install; and the errors of the driver when its server cannot be used.
 */
export async function openBroker(url: string, options: DriverOptions): Promise<Broker> {
  const { deadLetterUrl, outboxUrl } = options.settings
  const driver = driverOf(url)
  // Drivers from elsewhere may have options of their own.
  if (driver && OWN.has(driver)) (await import('./shared/index.js')).checkTransportOptions(options.settings)
  let broker = await (await load('broker', url))(url, options, async (other) =>
    (await load('broker', other))(other, options),
  )
  try {
    if (typeof deadLetterUrl === 'string') {
      const { withDeadLetters } = await import('./shared/index.js')
      broker = withDeadLetters(broker, await openDeadLetterStore(deadLetterUrl, options))
    }
    // A broker that is a database needs none.
    if (typeof outboxUrl === 'string' && !broker.publishIn)
      broker = await (await load('outbox', outboxUrl))(broker, outboxUrl, options)
    const shared = broadcastQueues(options.settings)
    if (shared.length > 0) broker = (await import('./shared/index.js')).withBroadcast(broker, shared)
    const box = await openPayloadBox(options)
    return box ? (await import('./shared/index.js')).withPayloads(broker, box) : broker
  } catch (error) {
    await broker.close()
    throw error
  }
}

/** Opens the result backend that a URL names. */
export async function openResultBackend(url: string, options: DriverOptions): Promise<ResultBackend> {
  const results = await (await load('results', url))(url, options)
  try {
    const box = await openPayloadBox(options)
    return box ? (await import('./shared/index.js')).withLargeResults(results, box, options) : results
  } catch (error) {
    await results.close()
    throw error
  }
}

/** What puts large payloads elsewhere (`largePayloadUrl`); undefined when they travel whole. */
async function openPayloadBox(options: DriverOptions): Promise<PayloadBox | undefined> {
  const { largePayloadUrl } = options.settings
  if (typeof largePayloadUrl !== 'string' || largePayloadUrl === '') return undefined
  const store = await (await load('payloads', largePayloadUrl))(largePayloadUrl, options)
  return new (await import('./shared/index.js')).PayloadBox(store, options)
}

/** Opens the coordination store that a URL names. */
export async function openCoordinationStore(url: string, options: DriverOptions): Promise<CoordinationStore> {
  return (await load('coordination', url))(url, options)
}

/** Opens the store of dead letters that a URL names (`deadLetterUrl`), and creates its table. */
export async function openDeadLetterStore(url: string, options: DriverOptions): Promise<OpenDeadLetterStore> {
  return (await load('letters', url))(url, options)
}

/** Opens the schedule of the app `space` in the store that a URL names. */
export async function openScheduleStore(
  url: string,
  space: string,
  options: DriverOptions,
): Promise<ScheduleStore> {
  return (await load('schedule', url))(url, space, options)
}

/** The driver that serves a URL; undefined when none does. */
export function driverOf(url: string): Driver | undefined {
  const scheme = schemeOf(url)
  return scheme === undefined ? undefined : DRIVERS.get(scheme)
}

/** Why no result backend can be opened at a URL, as far as the URL shows; undefined when one can. */
export function resultBackendProblem(url: string): ConfigurationError | undefined {
  const hint =
    "Use one of the schemes named in the message, or backend: 'disabled://' where no caller asks for results."
  return driverOf(url)?.results ? undefined : unknownScheme('results', url, hint)
}

/** Whether opening a coordination store failed because servers of this kind (RabbitMQ) cannot be one; callers continue without. */
export const keepsNoAgreements = (error: unknown): boolean =>
  isLovageError(error) && error.code === 'LVG_DRIVER_UNKNOWN'

/** Loads a part of the driver that serves a URL. */
async function load<P extends Part>(
  part: P,
  url: string,
): Promise<Awaited<ReturnType<NonNullable<Driver[P]>>>> {
  const driver = driverOf(url)
  // The part's own loader; its type follows from its name.
  const loader = driver?.[part] as Load<Awaited<ReturnType<NonNullable<Driver[P]>>>> | undefined
  if (!loader) throw unknownScheme(part, url)
  driver?.prepare?.(url)
  return orMissingPackage(loader)
}

/** The queues of `taskQueues` that are broadcast; the setting's own validator has checked its members. */
function broadcastQueues({ taskQueues = [] }: DriverOptions['settings']): readonly Queue[] {
  return (taskQueues as readonly (string | Queue)[]).filter(
    (queue): queue is Queue => typeof queue !== 'string' && queue.broadcast === true,
  )
}

const schemeOf = (url: string): string | undefined =>
  /^([a-z][a-z0-9+.-]*):/i
    .exec(url)?.[1]
    ?.toLowerCase()
    // SQLAlchemy names its own driver there.
    .replace(/^((?:db\+)?(?:postgresql|postgres|sqlite))\+\w+$/, '$1')

function unknownScheme(part: Part, url: string, otherwise?: string): ConfigurationError {
  const hint = /^[^/]*:\/\//.test(url) ? otherwise : 'A URL begins with its scheme: redis://localhost:6379/0.'
  const known = [...DRIVERS].flatMap(([scheme, driver]) => (driver[part] ? [`${scheme}://`] : []))
  return new ConfigurationError(
    `No ${PARTS[part]} serves ${redactUrl(url)}; known are ${known.join(', ')}.`,
    {
      code: 'LVG_DRIVER_UNKNOWN',
      ...(hint === undefined ? {} : { hint }),
      details: { scheme: schemeOf(url) ?? null, known },
    },
  )
}
