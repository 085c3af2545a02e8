import type { DestinationStream } from 'pino'
import { isLovageError } from './errors.js'
import { requireLater } from './require-later.js'

const pinoPackage = requireLater<typeof import('pino')>('pino')

/** What the package needs of a logger; a pino logger is one. Fields first, then the sentence. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** A logger that adds `bindings` to every line. */
  child(bindings: Record<string, unknown>): Logger
  isLevelEnabled?(level: string): boolean
}

/** Celery's names of log levels. */
export type LogLevel = 'debug' | 'info' | 'warning' | 'error' | 'critical' | 'fatal'

const PINO_LEVEL = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
  critical: 'fatal',
  fatal: 'fatal',
} as const

/** A JSON logger at Celery's level names; `destination` is standard error unless given. */
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

/** Servers that are away or refuse: where in our code that was noticed helps nobody, and hides what does. */
const OF_SERVERS = /^LVG_(CONNECTION|REDIS|POSTGRES|STORE|DATABASE)_/

/** An error as log lines show it: its own message, which names its cause where that matters; the stack has all causes. */
function shownError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const shown = { ...pinoPackage().stdSerializers.err(error), message: error.message }
  if (!isLovageError(error) || !OF_SERVERS.test(error.code)) return shown
  const { code, message, hint } = error
  return { type: error.name, code, message, ...(hint === undefined ? {} : { hint }) }
}

const DEFAULT = Symbol.for('lovage.default-logger')
const holder = globalThis as { [DEFAULT]?: Logger }

/** The logger of apps that bring none: the process's own when it has set one, else JSON on standard error, warnings and worse. */
export const defaultLogger = (): Logger => holder[DEFAULT] ?? createLogger()

/** Sets the logger of apps that bring none and are made from now on, by any installed copy of this package. */
export function setDefaultLogger(logger: Logger): void {
  holder[DEFAULT] = logger
}

/** A logger that says nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
  isLevelEnabled: () => false,
}
