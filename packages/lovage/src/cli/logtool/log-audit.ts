/** A summary of the tasks in log lines. */
export interface LogReport {
  /** The number of tasks received. */
  readonly total: number
  readonly errors: number
  readonly succeeded: number
  readonly completed: number
  readonly retried: number
  /** How often each task was received, most frequent first. */
  readonly types: readonly (readonly [name: string, count: number])[]
}

/** Callbacks for findings, as they are found. */
export interface AuditEars {
  /** A line that reports a failed task. */
  readonly onError?: (line: string) => void
  /** A line with its traceback. */
  readonly onTrace?: (text: string) => void
  /** A line that does not concern a task. */
  readonly onDebug?: (line: string) => void
}

/** Python's default format, and our readable one: a time in brackets. */
const START = /^\[(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d/
const OLD_RECEIVED = /Received task: ([^\s[]+)\[([^\]]+)\]/
const TASK = /Task ([^\s[]+)\[([^\]]+)\]:? (.*)$/s
const DISCARDED = /Discarding (?:revoked|expired|terminated) task:? ([^\s[]+)\[([^\]]+)\]/

/** Reads log lines of workers, Python's and ours, as JSON or for people, one by one. */
export class LogAudit {
  readonly #ears: AuditEars
  readonly #received = new Set<string>()
  readonly #open = new Map<string, string>()
  readonly #types = new Map<string, number>()
  #ready = 0
  #errors = 0
  #retried = 0
  #last: string | undefined
  #trace: string[] = []

  constructor(ears: AuditEars = {}) {
    this.#ears = ears
  }

  feed(line: string): void {
    if (line.startsWith('{')) this.#json(line)
    else if (START.test(line)) this.#begin(line)
    else if (this.#last !== undefined && line.trim() !== '') this.#trace.push(line)
  }

  /** Call after the last line. */
  end(): void {
    this.#endTrace()
    this.#last = undefined
  }

  get report(): LogReport {
    return {
      total: this.#received.size,
      errors: this.#errors,
      succeeded: this.#ready - this.#errors,
      completed: this.#ready,
      retried: this.#retried,
      types: [...this.#types].sort(([, left], [, right]) => right - left),
    }
  }

  /** Tasks that were received without a logged end. */
  get incomplete(): ReadonlyMap<string, string> {
    return this.#open
  }

  #begin(line: string): void {
    this.#endTrace()
    this.#last = line
    this.#message(line, line)
  }

  #json(line: string): void {
    this.#endTrace()
    this.#last = undefined
    let said: Readonly<Record<string, unknown>>
    try {
      const parsed: unknown = JSON.parse(line)
      said = typeof parsed === 'object' && parsed !== null ? { ...parsed } : {}
    } catch {
      // The file was truncated in this line, or the line is from another program.
      this.#ears.onDebug?.(line)
      return
    }
    const text = typeof said.msg === 'string' ? said.msg : String(said.message ?? '')
    this.#message(text, line)
    if (typeof said.traceback === 'string') this.#ears.onTrace?.(`${text}\n${said.traceback}`)
  }

  #message(text: string, line: string): void {
    const old = OLD_RECEIVED.exec(text)
    const discarded = DISCARDED.exec(text)
    const task = TASK.exec(text)
    if (old) this.#receive(old[1] ?? '', old[2] ?? '')
    else if (discarded) this.#finish(discarded[2] ?? '', false, line)
    else if (task) this.#task(task[1] ?? '', task[2] ?? '', task[3] ?? '', line)
    else this.#ears.onDebug?.(line)
  }

  #task(name: string, id: string, what: string, line: string): void {
    if (what.startsWith('received')) this.#receive(name, id)
    else if (what.startsWith('retry')) this.#retried++
    else if (/^(?:succeeded|ignored|replaced|is ignored)/.test(what)) this.#finish(id, false, line)
    // After a lost child, the task is run again.
    else if (!/it is run again$/.test(what)) this.#finish(id, true, line)
  }

  #receive(name: string, id: string): void {
    this.#open.set(id, name)
    if (this.#received.has(id)) return
    this.#received.add(id)
    this.#types.set(name, (this.#types.get(name) ?? 0) + 1)
  }

  #finish(id: string, isError: boolean, line: string): void {
    this.#open.delete(id)
    this.#ready++
    if (!isError) return
    this.#errors++
    this.#ears.onError?.(line)
  }

  #endTrace(): void {
    if (this.#last !== undefined && this.#trace.length > 0)
      this.#ears.onTrace?.([this.#last, ...this.#trace].join('\n'))
    this.#trace = []
  }
}
