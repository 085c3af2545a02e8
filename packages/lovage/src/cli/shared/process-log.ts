import type { Lovage } from '../../app/index.js'
import type { LogLevel } from '../../kernel/index.js'
import { fileNameFrom, type LogOutput, openLog } from '../../node/index.js'

/** The log options of a long-running process. */
interface ProcessLogOptions {
  readonly loglevel: LogLevel
  readonly logfile?: string
  readonly logformat?: string
  readonly color: boolean
}

/** Opens the log of a long-running process; USR2 reopens its file. */
export async function openProcessLog(options: ProcessLogOptions, nodeName: string): Promise<LogOutput> {
  // For lines before the app is loaded, and of a supervisor, which loads none.
  const format = options.logformat ?? process.env.CELERY_WORKER_LOG_FORMAT
  const log = await openLog({
    level: options.loglevel,
    ...(options.logfile === undefined ? {} : { file: fileNameFrom(options.logfile, nodeName) }),
    ...(format ? { format } : {}),
    ...(options.color ? {} : { color: false }),
  })
  process.on('SIGUSR2', () => {
    if (log.reopen()) log.logger.info({ signal: 'SIGUSR2' }, 'log file reopened')
    else log.logger.warn({ signal: 'SIGUSR2' }, 'there is no log file to reopen')
  })
  return log
}

/**
 * Called when the app of a long-running process is loaded: its settings determine the log format, and its listeners may set another
 * logger, which children's lines go to as well.
 */
export async function letAppSetLogger(app: Lovage, hostname: string, log: LogOutput): Promise<void> {
  const { workerLogFormat, workerTaskLogFormat } = app.conf
  if (workerLogFormat || workerTaskLogFormat) {
    await log.use({
      // Setting only the task format implies text.
      format: workerLogFormat || CELERY_FORMAT,
      ...(workerTaskLogFormat ? { taskFormat: workerTaskLogFormat } : {}),
    })
  }
  const { options, format, colorize } = log
  const { level: loglevel, file: logfile = null } = options
  await app.signals.tell('setupLogging', { hostname, loglevel, logfile, format, colorize })
}

const CELERY_FORMAT = '[%(asctime)s: %(levelname)s/%(processName)s] %(message)s'
