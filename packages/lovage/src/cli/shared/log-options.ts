import { InvalidArgumentError } from 'commander'
import type { LogLevel } from '../../kernel/index.js'

/** The levels of `--loglevel`. */
export const LEVELS = ['debug', 'info', 'warning', 'error', 'critical', 'fatal'] as const
/** Help of `--logformat`. */
export const LOG_FORMAT =
  'format of log lines: json, pretty, or a format of Python’s such as "%(asctime)s %(levelname)s %(message)s" (default: pretty on a terminal, else json)'

/** Parses a log level, ignoring case; `warn` is `warning`. */
export function levelOf(value: string): LogLevel {
  const lower = value.toLowerCase()
  const level = LEVELS.find((known) => known === lower || (known === 'warning' && lower === 'warn'))
  if (level === undefined) throw new InvalidArgumentError(`Choose one of ${LEVELS.join(', ')}.`)
  return level
}
