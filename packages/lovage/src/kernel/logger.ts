import type { DestinationStream } from 'pino'
import { isLovageError } from './errors.js'
import { requireLater } from './require-later.js'

const pinoPackage = requireLater<typeof import('pino')>('pino')

/** The logger interface that the package needs; a pino logger satisfies it. Fields first, then the message. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** A logger that adds `bindings` to every line. */
  child(bindings: Record<string, unknown>): Logger
  isLevelEnabled?(level: string): boolean
}

/** Celery's log level names. */
export type LogLevel = 'debug' | 'info' | 'warning' | 'error' | 'critical' | 'fatal'

const PINO_LEVEL = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
  critical: 'fatal',
  fatal: 'fatal',
} as const

/** A JSON logger with Celery's level names; `destination` is standard error unless given. */
export function createLogger(
  options: { level?: LogLevel; destination?: DestinationStream; name?: string } = {},
): Logger {
  const level = PINO_LEVEL[options.level ?? 'warning']
  const base = options.name === undefined ? {} : { name: options.name }
  const { pino } = pinoPackage()
  const formatters = { level: (label: string) => ({ level: label }) }
  return pino(
    { level, base, formatters, serializers: { err: shownError }, timestamp: pino.stdTimeFunctions.isoTime },
    options.destination ?? pino.destination(2),
  )
}

/** Unreachable or refusing servers: the place in our code that noticed is no help, and hides what is. */
const OF_SERVERS = /^LVG_(CONNECTION|REDIS|POSTGRES|STORE|DATABASE)_/

/** An error as log lines show it: its own message, which names its cause where that matters; the stack shows every cause. */
function shownError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const shown = { ...pinoPackage().stdSerializers.err(error), message: error.message }
  if (!isLovageError(error) || !OF_SERVERS.test(error.code)) return shown
  const { code, message, hint } = error
  return { type: error.name, code, message, ...(hint === undefined ? {} : { hint }) }
}

const DEFAULT = Symbol.for('lovage.default-logger')
const holder = globalThis as { [DEFAULT]?: Logger }

/** The logger of apps without their own: the process default if set, else JSON on standard error at level warning and above. */
export const defaultLogger = (): Logger => holder[DEFAULT] ?? createLogger()

/** Sets the logger for apps created from now on without their own, by any installed copy of this package. */
export function setDefaultLogger(logger: Logger): void {
  holder[DEFAULT] = logger
}

/** A logger that writes nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
  isLevelEnabled: () => false,
}
