import { pino } from 'pino'
import { createLogger, type Logger, type LogLevel } from '../kernel/index.js'
import { CommandError } from './exit.js'

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warning', 'error', 'critical', 'fatal']

/** How a command logs. */
export interface LogOptions {
  readonly loglevel?: string
  readonly logfile?: string
  readonly color?: boolean
}

/**
 * The logger of a command: readable lines on a terminal, JSON everywhere else. A log file is opened again on HUP, so
 * that logrotate may move it away.
 */
export async function commandLogger({
  loglevel = 'warning',
  logfile,
  color = true,
}: LogOptions): Promise<Logger> {
  const level = LEVELS.find((known) => known === loglevel.toLowerCase())
  if (!level)
    throw new CommandError(`There is no log level ${loglevel}.`, { hint: `Known are ${LEVELS.join(', ')}.` })
  if (logfile) {
    const file = pino.destination({ dest: logfile, mkdir: true, append: true, sync: true })
    process.on('SIGHUP', () => file.reopen())
    return createLogger({ level, destination: file })
  }
  if (!process.stderr.isTTY) return createLogger({ level })
  const { default: pretty } = await import('pino-pretty')
  const destination = pretty({
    colorize: color,
    destination: 2,
    sync: true,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
    ignore: 'pid,hostname,task_id,task_name,retry_count,state,execution_time,traceback',
  })
  return createLogger({ level, destination })
}
