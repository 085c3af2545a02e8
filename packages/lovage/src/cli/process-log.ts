import type { Lovage } from '../app/index.js'
import type { LogLevel } from '../kernel/index.js'
import { fileNameFrom, type LogOutput, openLog } from '../node/index.js'

/** What a command line says about the log of a process that stays. */
interface ProcessLogOptions {
  readonly loglevel: LogLevel
  readonly logfile?: string
  readonly color: boolean
}

/** Opens the log of a process that stays; USR2 opens its file anew. */
export async function openProcessLog(options: ProcessLogOptions, nodeName: string): Promise<LogOutput> {
  const log = await openLog({
    level: options.loglevel,
    ...(options.logfile === undefined ? {} : { file: fileNameFrom(options.logfile, nodeName) }),
    ...(options.color ? {} : { color: false }),
  })
  process.on('SIGUSR2', () => {
    if (log.reopen()) log.logger.info({ signal: 'SIGUSR2' }, 'log file opened anew')
    else log.logger.warn({ signal: 'SIGUSR2' }, 'there is no log file to open anew')
  })
  return log
}

/** The app of a process that stays is loaded: its listeners may set another logger, which children's lines go to as well. */
export async function letAppSetLogger(app: Lovage, hostname: string, log: LogOutput): Promise<void> {
  const { options, format, colorize } = log
  const { level: loglevel, file: logfile = null } = options
  await app.signals.tell('setupLogging', { hostname, loglevel, logfile, format, colorize })
}
