import { fileURLToPath } from 'node:url'
import { ConfigurationError, isLovageError, messageOf } from '../kernel/index.js'
import { encodeJson } from './json.js'
import type { ExceptionInfo } from './types.js'

/** Tracebacks longer than this many characters are cut in the middle: the thrown line and the root cause stay. */
const MAX_TRACEBACK = 64 * 1024
const MAX_CAUSES = 10

/**
 * Python's own classes that are made of a message: an error of such a name has that class there. Others of its names mean something else
 * (`ReferenceError`), want more arguments, or end a program.
 */
const BUILTINS: ReadonlySet<string> = new Set(
  `ArithmeticError AssertionError AttributeError BlockingIOError BrokenPipeError BufferError ChildProcessError ConnectionAbortedError
  ConnectionError ConnectionRefusedError ConnectionResetError EOFError Exception FileExistsError FileNotFoundError FloatingPointError
  IOError ImportError IndexError InterruptedError IsADirectoryError KeyError LookupError MemoryError ModuleNotFoundError NameError
  NotADirectoryError NotImplementedError OSError OverflowError PermissionError ProcessLookupError RecursionError RuntimeError
  SyntaxError TimeoutError TypeError UnicodeError ValueError ZeroDivisionError`.split(/\s+/),
)

/**
 * A thrown value, error or not, as Celery stores it. The type is the error's name (its class's when the name is still `Error`);
 * `exc_module` makes a Python reader look up the class there, and is null where Python has none of that name. Arguments that do not fit
 * a task are Python's TypeError.
 */
export function toExceptionInfo(thrown: unknown): ExceptionInfo {
  const isMisfit = isLovageError(thrown) && thrown.code === 'LVG_TASK_ARGUMENTS'
  const type = isMisfit ? 'TypeError' : typeOf(thrown)
  const exc_module = BUILTINS.has(type) ? 'builtins' : null
  return { exc_type: type, exc_message: [safely(() => messageOf(thrown))], exc_module }
}

/** The stack of a thrown value with the stacks of its causes and of an AggregateError's errors, as Node prints them. */
export function tracebackOf(thrown: unknown): string {
  const text = safely(() => describe(thrown, 0, new Set()))
  if (text.length <= MAX_TRACEBACK) return text
  return `${text.slice(0, MAX_TRACEBACK / 2)}\n    … cut …\n${text.slice(-MAX_TRACEBACK / 2)}`
}

/** A stored exception, written by either language. */
export interface StoredException {
  /** The class's name, without its module. */
  readonly type: string
  /** For people: the text of Python's `str(exc)`, as closely as can be determined. */
  readonly message: string
  /** The Python module of the class, if named. */
  readonly module: string | null
  /** The constructor's arguments. */
  readonly args: readonly unknown[]
}

/** Reads the `result` of a FAILURE, RETRY or REVOKED record; accepts any value, however damaged. */
export function fromExceptionInfo(info: unknown): StoredException {
  if (typeof info !== 'object' || info === null || Array.isArray(info)) {
    const message = info === null || info === undefined ? '' : safely(() => messageOf(info))
    return { type: 'Error', message, module: null, args: message === '' ? [] : [message] }
  }
  // A JSON object of unknown fields.
  const { exc_type: type, exc_message: said, exc_module: module } = info as Record<string, unknown>
  const args: readonly unknown[] = Array.isArray(said)
    ? said
    : said === undefined || said === null
      ? []
      : [said]
  return {
    type: typeof type === 'string' && type !== '' ? type : 'Error',
    message: args.map((arg) => safely(() => messageOf(arg))).join(', '),
    module: typeof module === 'string' ? module : null,
    args,
  }
}

function typeOf(thrown: unknown): string {
  return safely(() => {
    if (!(thrown instanceof Error)) return 'Error'
    const name = String(thrown.name)
    const type = name === 'Error' || name === '' ? String(thrown.constructor?.name || 'Error') : name
    // Python makes a class of this name, which may hold no NUL.
    return type.replaceAll('\u0000', '').slice(0, 255) || 'Error'
  })
}

function describe(thrown: unknown, depth: number, seen: Set<unknown>): string {
  if (!(thrown instanceof Error)) return `Thrown value: ${safely(() => messageOf(thrown))}`
  if (seen.has(thrown) || depth >= MAX_CAUSES) return '[already shown]'
  seen.add(thrown)
  let text = safely(() =>
    typeof thrown.stack === 'string' ? withoutCallers(thrown.stack) : `${typeOf(thrown)}: ${thrown.message}`,
  )
  if (thrown instanceof AggregateError) {
    for (const error of thrown.errors.slice(0, MAX_CAUSES))
      text += `\n[error]: ${describe(error, depth + 1, seen)}`
  }
  if (thrown.cause !== undefined && thrown.cause !== null) {
    text += `\n[cause]: ${describe(thrown.cause, depth + 1, seen)}`
  }
  return text
}

/** This package's folder, as stack frames name it. */
const PACKAGE = fileURLToPath(new URL('../../', import.meta.url))
const isOurs = (frame: string): boolean =>
  // Node 20 runs contexts in `node:async_hooks`, later versions inside the engine.
  frame.includes(`${PACKAGE}src/`) || frame.includes(`${PACKAGE}dist/`) || /[( ]node:/.test(frame)

/** A stack without the trailing frames in which a worker calls a task: they are always the same, and hide the rest. */
function withoutCallers(stack: string): string {
  const lines = stack.split('\n')
  const end = lines.findLastIndex((line) => !isOurs(line)) + 1
  // One of our own errors has no other frames, so it keeps them.
  return /^\s+at /.test(lines[end - 1] ?? '') ? lines.slice(0, end).join('\n') : stack
}

/** User errors may have getters and `toString`s that throw; the report of an error must not. */
function safely(make: () => string): string {
  try {
    return make()
  } catch {
    return 'Error'
  }
}

/** A class of errors, as Python's constructor and ours make it. */
export interface MappedError<Thrown extends Error = Error> {
  readonly class: abstract new (...args: never[]) => Thrown
  /** The arguments for Python's constructor, as JSON. Default: the message alone. */
  toArgs?(error: Thrown): readonly unknown[]
  /** The error for the arguments of Python's. Default: `new class(...args)`. */
  fromArgs?(...args: readonly unknown[]): Thrown
}

/** Classes of errors by the full name of their Python counterparts: `'shop.errors.CardDeclined'`. */
export type ErrorMapping = Readonly<Record<string, (new (...args: never[]) => Error) | MappedError>>

interface Entry {
  readonly module: string
  readonly type: string
  readonly class: MappedError['class']
  readonly toArgs: (error: Error) => readonly unknown[]
  readonly fromArgs: (...args: readonly unknown[]) => Error
}

/** An app's errors with counterparts in Python: which class they have there, and which class Python's have here. */
export class ErrorMap {
  readonly #byName = new Map<string, Entry>()
  readonly #byClass = new Map<unknown, Entry>()

  /** @throws {ConfigurationError} LVG_CONFIG_INVALID for a name without a module, and for anything but a class. */
  add(classes: ErrorMapping): void {
    for (const [name, given] of Object.entries(classes)) {
      const [, module, type] = /^([\w.]+)\.(\w+)$/.exec(name) ?? []
      // `ErrorMapping` has paired the functions of each entry with its class.
      const definition = (typeof given === 'function' ? { class: given } : given) as MappedError
      const made = definition?.class as unknown as (new (...args: readonly unknown[]) => Error) | undefined
      if (
        module === undefined ||
        type === undefined ||
        typeof made !== 'function' ||
        !(made.prototype instanceof Error)
      )
        throw new ConfigurationError(`app.errors: ${name} is not a Python class with a class of errors.`, {
          code: 'LVG_CONFIG_INVALID',
          hint: "Name the class with its module: app.errors({ 'shop.errors.CardDeclined': CardDeclined }).",
        })
      const { toArgs = ({ message }: Error) => [message], fromArgs = (...args) => new made(...args) } =
        definition
      const entry = { module, type, class: made, toArgs, fromArgs }
      this.#byName.set(name, entry)
      this.#byClass.set(made, entry)
    }
  }

  /** An error as Celery stores it, by the nearest class that has a counterpart. */
  describe(thrown: unknown): ExceptionInfo | undefined {
    const entry = this.#entryOf(thrown)
    if (!entry || !(thrown instanceof Error)) return undefined
    const { type, module } = entry
    return { ...toExceptionInfo(thrown), exc_type: type, exc_module: module, ...argumentsOf(entry, thrown) }
  }

  /** The error that Python's stands for here; undefined when it has no counterpart, or its arguments do not fit. */
  make({ exc_type: type, exc_module: module, exc_message: args }: ExceptionInfo): Error | undefined {
    const entry = this.#byName.get(`${module}.${type}`)
    if (!entry) return undefined
    try {
      const made = entry.fromArgs(...(Array.isArray(args) ? args : [args]))
      return made instanceof Error ? made : undefined
    } catch {
      return undefined
    }
  }

  #entryOf(thrown: unknown): Entry | undefined {
    if (this.#byClass.size === 0 || !(thrown instanceof Error)) return undefined
    for (let at: unknown = thrown.constructor; typeof at === 'function'; at = Object.getPrototypeOf(at)) {
      const entry = this.#byClass.get(at)
      if (entry) return entry
    }
    return undefined
  }
}

/** The constructor's arguments; those that fail or are no JSON leave the message in their place. */
function argumentsOf({ toArgs }: Entry, thrown: Error): Partial<ExceptionInfo> {
  try {
    const args = toArgs(thrown)
    if (!Array.isArray(args)) return {}
    encodeJson(args, 'arguments of an error')
    return { exc_message: args }
  } catch {
    return {}
  }
}
