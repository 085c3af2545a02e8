import { fileURLToPath } from 'node:url'
import { messageOf } from '../kernel/index.js'
import type { ExceptionInfo } from './types.js'

/** Tracebacks longer than this many characters are cut in the middle: the thrown line and the root cause stay. */
const MAX_TRACEBACK = 64 * 1024
const MAX_CAUSES = 10

/**
 * A thrown value, error or not, as Celery stores it. The type is the error's name (its class's when the name is still `Error`);
 * `exc_module` is null, because a module name makes a Python reader look up the class there.
 */
export function toExceptionInfo(thrown: unknown): ExceptionInfo {
  return { exc_type: typeOf(thrown), exc_message: [safely(() => messageOf(thrown))], exc_module: null }
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
