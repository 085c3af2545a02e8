import { ERROR_CODES, type ErrorCode } from './error-codes.js'

/** Marks this package's errors, across duplicate installations and realms as well. */
const MARK = Symbol.for('lovage.error')

/** The details of an error beyond its message. */
export interface LovageErrorOptions {
  readonly code: ErrorCode
  /** Facts for programs: names, paths, limits. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>>
  /** The remedy; if absent, the code's general advice. */
  readonly hint?: string
  readonly cause?: unknown
}

/** The base class of every error that this package throws. */
export class LovageError extends Error {
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>
  readonly hint: string

  constructor(message: string, options: LovageErrorOptions) {
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
/** A server cannot be reached, or refuses the connection. */
export class ConnectionError extends LovageError {}
/** A message cannot be written, read or accepted. */
export class MessageError extends LovageError {}
/** A task cannot run or did not succeed. */
export class TaskError extends LovageError {}
/** A result is not available. */
export class ResultError extends LovageError {}
/** A driver lacks a capability. */
export class CapabilityError extends LovageError {}

/** Thrown by `result.get({ timeout })`; the task itself keeps running. */
export class TimeoutError extends ResultError {}

/** The error for an object of another installed copy of this package, whose private parts this copy cannot read. */
export const ofAnotherCopy = (what: string): ConfigurationError =>
  new ConfigurationError(`This ${what} was made by another installed copy of lovage.`, {
    code: 'LVG_TWO_COPIES',
  })

/**
 * Whether a value is one of this package's errors, from any installed copy.
 *
 * @example
 * import { isLovageError } from 'lovage'
 * try {
 *   await add.delay(2, 3)
 * } catch (error) {
 *   if (!isLovageError(error) || error.code !== 'LVG_CONNECTION_FAILED') throw error
 * }
 */
export function isLovageError(value: unknown): value is LovageError {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[MARK] === true
}

/** The message of any thrown value, error or not. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message
  try {
    return typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? String(thrown))
  } catch {
    return String(thrown)
  }
}
