import { ConfigurationError } from '../kernel/index.js'

/** A log line: fields, and the message as `msg`. */
export type LogLine = Readonly<Record<string, unknown>>

/** Fields already contained in the message. */
export const SAID: readonly string[] = [
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

/** Log formats; Celery's are Python's: `[%(asctime)s: %(levelname)s/%(processName)s] %(message)s`. */
export interface LogFormats {
  /** Of all lines. */
  readonly all: string
  /** Of lines that belong to a task, if different: it may use `%(task_id)s` and `%(task_name)s`. */
  readonly task?: string
}

/**
 * Renders lines of text as Python's logging would.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID for an empty format, or one with an unknown field.
 */
export function textRenderer({ all, task = all }: LogFormats): (line: LogLine) => string {
  const general = compile(all)
  const ofTasks = compile(task)
  return (line) => {
    const isTask = line.task_id !== undefined
    return `${(isTask ? ofTasks : general)(line)}${trace(line)}\n`
  }
}

/** Errors of unreachable or refusing servers have no stack: their message is added to the sentence, if it is not there yet. */
export function withErrorSaid(line: LogLine): LogLine {
  const { err, ...rest } = line
  if (typeof err !== 'object' || err === null || 'stack' in err || !('message' in err)) return line
  const [sentence, said] = [String(line.msg ?? ''), String(err.message)]
  const hint = 'hint' in err ? ` (${String(err.hint)})` : ''
  return { ...rest, msg: `${sentence.includes(said) ? sentence : `${sentence}: ${said}`}${hint}` }
}

type Piece = (line: LogLine) => string

const FIELD = /%(?:%|\((\w*)\)([-0 ]*)(\d*)(?:\.(\d+))?([a-z]))/gi

function compile(format: string): Piece {
  const pieces: Piece[] = []
  let at = 0
  let fields = 0
  const literal = (text: string): void => {
    if (text.includes('%')) throw unreadable(format, `there is a stray %`)
    if (text !== '') pieces.push(() => text)
  }
  for (const match of format.matchAll(FIELD)) {
    literal(format.slice(at, match.index))
    at = match.index + match[0].length
    const [whole, name, flags = '', width = '', precision, kind = 's'] = match
    if (whole === '%%') {
      pieces.push(() => '%')
      continue
    }
    const read = Object.hasOwn(FIELDS, name ?? '') ? FIELDS[name ?? ''] : undefined
    if (!read || !'sdrf'.includes(kind))
      throw unreadable(
        format,
        `${whole} is not one of ${Object.keys(FIELDS)
          .map((field) => `%(${field})s`)
          .join(' ')}`,
      )
    fields++
    pieces.push((line) => shown(read(line), { flags, width: Number(width), precision, kind }))
  }
  literal(format.slice(at))
  if (fields === 0) throw unreadable(format, 'it contains no field of a line')
  return (line) => pieces.map((piece) => piece(line)).join('')
}

function shown(
  value: string | number,
  {
    flags,
    width,
    precision,
    kind,
  }: { flags: string; width: number; precision: string | undefined; kind: string },
): string {
  const text =
    kind === 'f'
      ? Number(value).toFixed(Number(precision ?? 6))
      : kind === 'd'
        ? String(Math.trunc(Number(value)))
        : String(value).slice(0, precision === undefined ? undefined : Number(precision))
  if (flags.includes('-')) return text.padEnd(width)
  return text.padStart(width, flags.includes('0') && kind !== 's' ? '0' : ' ')
}

const LEVELS: Readonly<Record<string, readonly [name: string, number: number]>> = {
  trace: ['DEBUG', 10],
  debug: ['DEBUG', 10],
  info: ['INFO', 20],
  warn: ['WARNING', 30],
  error: ['ERROR', 40],
  fatal: ['CRITICAL', 50],
}

/** The fields of Python's log record that a line has; the code location is not known here. */
const FIELDS: Readonly<Record<string, (line: LogLine) => string | number>> = {
  asctime: (line) => localTime(timeOf(line)),
  created: (line) => timeOf(line).getTime() / 1000,
  msecs: (line) => timeOf(line).getMilliseconds(),
  levelname: (line) => levelOf(line)[0],
  levelno: (line) => levelOf(line)[1],
  name: (line) => (typeof line.name === 'string' ? line.name : 'lovage'),
  message: sentence,
  process: () => process.pid,
  processName: () => 'MainProcess',
  threadName: () => 'MainThread',
  // As in Celery's lines outside of tasks.
  task_id: ({ task_id: id }) => (typeof id === 'string' ? id : '???'),
  task_name: ({ task_name: name }) => (typeof name === 'string' ? name : '???'),
}

const levelOf = ({ level }: LogLine): readonly [string, number] =>
  LEVELS[String(level)] ?? [String(level).toUpperCase(), 20]

function timeOf({ time }: LogLine): Date {
  const date = new Date(typeof time === 'string' || typeof time === 'number' ? time : Date.now())
  return Number.isNaN(date.getTime()) ? new Date() : date
}

/** As Python's logging: this machine's time, with milliseconds after a comma. */
function localTime(date: Date): string {
  const two = (part: number): string => String(part).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return `${day} ${time},${String(date.getMilliseconds()).padStart(3, '0')}`
}

const NOT_FIELDS: ReadonlySet<string> = new Set([
  ...SAID,
  'level',
  'time',
  'msg',
  'name',
  'pid',
  'hostname',
  'err',
])

/** The message, and the fields that it does not contain. */
function sentence(line: LogLine): string {
  const more = Object.entries(line)
    .filter(([key]) => !NOT_FIELDS.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return [String(line.msg ?? ''), ...more].join(' ')
}

/** The text below a line: a task's traceback, or an error's stack. */
function trace({ traceback, err }: LogLine): string {
  if (typeof traceback === 'string') return `\n${traceback.trimEnd()}`
  const stack = typeof err === 'object' && err !== null && 'stack' in err ? err.stack : undefined
  return typeof stack === 'string' ? `\n${stack}` : ''
}

const unreadable = (format: string, why: string): ConfigurationError =>
  new ConfigurationError(`Invalid log format ${JSON.stringify(format)}: ${why}.`, {
    code: 'LVG_CONFIG_INVALID',
    hint: "Write json, pretty, or a format of Python's: [%(asctime)s: %(levelname)s/%(processName)s] %(message)s",
  })
