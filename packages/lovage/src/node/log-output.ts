import { statSync } from 'node:fs'
import { createLogger, type Logger, type LogLevel } from '../kernel/index.js'
import { type LogLine, SAID, textRenderer, withErrorSaid } from './log-format.js'

/** The destination and format of a process's log. */
export interface LogOptions {
  readonly level: LogLevel
  /** A file, appended to. Default: standard error. */
  readonly file?: string
  /**
   * `pretty`: for people; `json`: for programs; else a Python format (`%(asctime)s %(message)s`). Default: `pretty` on a terminal, else
   * JSON.
   */
  readonly format?: string
  /** A Python format for lines of tasks. */
  readonly taskFormat?: string
  /** Default: on a terminal, unless NO_COLOR is set. */
  readonly color?: boolean
}

/** The format of log lines. */
export type LogLook = Pick<LogOptions, 'format' | 'taskFormat'>

/** A process's log. */
export interface LogOutput {
  readonly logger: Logger
  readonly options: LogOptions
  /** The current format: `pretty`, `json` or a Python format. */
  readonly format: string
  readonly colorize: boolean
  /**
   * Changes the format of later lines.
   * @throws {ConfigurationError} LVG_CONFIG_INVALID
   */
  use(look: LogLook): Promise<void>
  /** Reopens the file after it was moved away; returns false when there is no file. */
  reopen(): boolean
}

/** How often to check whether the log file was moved away without a signal. */
const ROTATION_CHECK_MS = 1000

/** Opens the log; every line is written before the call returns, so that nothing is missing after a crash. */
export async function openLog(given: LogOptions): Promise<LogOutput> {
  let options = given
  const { level, file } = options
  const isTerminal = file === undefined && process.stderr.isTTY === true
  const formatOf = ({ format }: LogLook): string => format ?? (isTerminal ? 'pretty' : 'json')
  const color = options.color ?? (isTerminal && !process.env.NO_COLOR)
  let render = await renderer(formatOf(options), options.taskFormat, color)
  const { pino } = await import('pino')
  const destination = pino.destination({ dest: file ?? 2, sync: true, mkdir: true })
  if (file !== undefined) followRotation(file, () => destination.reopen())
  const write = (line: string): void => {
    destination.write(render ? render(line) : line)
  }
  return {
    logger: createLogger({ level, destination: { write } }),
    get options() {
      return options
    },
    get format() {
      return formatOf(options)
    },
    get colorize() {
      return color && formatOf(options) === 'pretty'
    },
    async use(look) {
      render = await renderer(formatOf(look), look.taskFormat, color)
      options = { ...options, ...look }
    },
    reopen() {
      if (file !== undefined) destination.reopen()
      return file !== undefined
    },
  }
}

type Render = (json: string) => string

/** The renderer of the logger's JSON; undefined when lines stay JSON. */
async function renderer(
  format: string,
  task: string | undefined,
  color: boolean,
): Promise<Render | undefined> {
  if (format === 'pretty') return prettyRenderer(color)
  if (format === 'json') return undefined
  const text = textRenderer({ all: format, ...(task === undefined ? {} : { task }) })
  // The line comes from this process's own logger.
  return (json) => text(withErrorSaid(JSON.parse(json) as LogLine))
}

async function prettyRenderer(color: boolean): Promise<Render> {
  // Loaded only here: a worker that logs JSON never pays for it.
  const { prettyFactory } = await import('pino-pretty')
  const pretty = prettyFactory({
    colorize: color,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: ['pid', 'hostname', ...SAID].join(','),
    messageFormat: (line, key) => {
      const { traceback } = line
      return typeof traceback === 'string' ? `${line[key]}\n${traceback}` : String(line[key])
    },
  })
  return (json) => pretty(withErrorSaid(JSON.parse(json) as LogLine))
}

/** Calls back when the file at this path is no longer the opened one: logrotate without a signal. */
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
