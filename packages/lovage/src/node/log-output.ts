import { statSync } from 'node:fs'
import { createLogger, type Logger, type LogLevel } from '../kernel/index.js'

/** Where a process's log lines go and how they look. */
export interface LogOptions {
  readonly level: LogLevel
  /** A file, appended to. Default: standard error. */
  readonly file?: string
  /** Lines for people, or JSON for programs. Default: for people where they go to a terminal. */
  readonly format?: 'pretty' | 'json'
  /** Default: on a terminal, unless NO_COLOR is set. */
  readonly color?: boolean
}

/** A process's log. */
export interface LogOutput {
  readonly logger: Logger
  readonly options: LogOptions
  readonly format: 'pretty' | 'json'
  readonly colorize: boolean
  /** Opens the file anew, after it was moved away; false when lines go to no file. */
  reopen(): boolean
}

/** How often a log file is looked for that was moved away without a word. */
const ROTATION_CHECK_MS = 1000

/** Opens the log: every line is written when the call returns, so that nothing is missing after a crash. */
export async function openLog(options: LogOptions): Promise<LogOutput> {
  const { level, file } = options
  const isTerminal = file === undefined && process.stderr.isTTY === true
  const format = options.format ?? (isTerminal ? 'pretty' : 'json')
  if (format === 'pretty') {
    const colorize = options.color ?? (isTerminal && !process.env.NO_COLOR)
    return {
      logger: await prettyLogger(level, file, colorize),
      options,
      format,
      colorize,
      reopen: () => false,
    }
  }
  const { pino } = await import('pino')
  const destination = pino.destination({ dest: file ?? 2, sync: true, mkdir: true })
  if (file !== undefined) followRotation(file, () => destination.reopen())
  return {
    logger: createLogger({ level, destination }),
    options,
    format,
    colorize: false,
    reopen() {
      if (file !== undefined) destination.reopen()
      return file !== undefined
    },
  }
}

/** The sentence holds what these hold. */
const SAID = [
  'task_id',
  'task_name',
  'retry_count',
  'execution_time',
  'state',
  'queue',
  'traceback',
  'code',
  'eta',
]

async function prettyLogger(level: LogLevel, file: string | undefined, color: boolean): Promise<Logger> {
  // Loaded here alone: a worker that logs JSON never pays for it.
  const { default: pretty } = await import('pino-pretty')
  const destination = pretty({
    colorize: color,
    destination: file ?? 2,
    mkdir: true,
    // In this thread, and at once: a line that is on its way when the process dies is lost.
    sync: true,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: ['pid', 'hostname', ...SAID].join(','),
    messageFormat: (line, key) => {
      const { traceback } = line
      return typeof traceback === 'string' ? `${line[key]}\n${traceback}` : String(line[key])
    },
  })
  return createLogger({ level, destination })
}

/** Calls back when the file at this path is no longer the one that was opened: logrotate without a signal. */
function followRotation(file: string, onMoved: () => void): void {
  let known = inodeOf(file)
  const check = (): void => {
    const now = inodeOf(file)
    if (now !== known) onMoved()
    known = inodeOf(file)
  }
  setInterval(check, ROTATION_CHECK_MS).unref()
}

const inodeOf = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.ino
