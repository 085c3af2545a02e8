import { ERROR_CODES, type ErrorCode } from './error-codes.js'

/** Marks errors of this package, also across duplicate installations and realms. */
const MARK = Symbol.for('lovage.error')

/** What an error tells beside its message. */
export interface ErrorOptions {
  readonly code: ErrorCode
  /** Facts for programs: names, paths, limits. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>>
  /** What to do; the code's general advice when absent. */
  readonly hint?: string
  readonly cause?: unknown
}

/** The root of every error that this package throws. */
export class LovageError extends Error {
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>
  readonly hint: string

  constructor(message: string, options: ErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = options.code
    this.details = options.details ?? {}
    this.hint = options.hint ?? ERROR_CODES[options.code][1]
    Object.defineProperty(this, MARK, { value: true })
  }
}

/** The app, its settings or its deployment are wrong. */
export class ConfigurationError extends LovageError {}
/** A server cannot be reached or refuses us. */
export class ConnectionError extends LovageError {}
/** A message cannot be written, read or accepted. */
export class MessageError extends LovageError {}
/** A task cannot run or did not succeed. */
export class TaskError extends LovageError {}
/** A result cannot be had. */
export class ResultError extends LovageError {}
/** A driver lacks an ability. */
export class CapabilityError extends LovageError {}

/** Thrown by `result.get({ timeout })`; the task itself goes on. */
export class TimeoutError extends ResultError {}

/** Whether a value is an error of this package, whichever copy of it threw. */
export function isLovageError(value: unknown): value is LovageError {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[MARK] === true
}

/** The message of anything that was thrown, errors or not. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message
  try {
    return typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? String(thrown))
  } catch {
    return String(thrown)
  }
}
