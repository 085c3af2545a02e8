import { reprValue } from '../message/index.js'

/** Characters kept of an argument list, a result, an error. */
const MAX_TEXT = 1024
/** Characters kept of a traceback. */
const MAX_TRACEBACK = 16_384
/** The longest name, id or node name, in characters. */
export const MAX_NAME = 256

/** Untrusted text, cut to `max` characters; other values are shown as in Python. */
export function textOf(value: unknown, max = MAX_TEXT): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') return copied(reprValue(value, max))
  return value.length > max ? copied(`${value.slice(0, max - 1)}…`) : value
}

/** The end of a traceback, where Python's has the error, and its beginning, where ours has it. */
export function tracebackOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length <= MAX_TRACEBACK) return textOf(value, MAX_TRACEBACK)
  const half = MAX_TRACEBACK / 2
  return copied(`${value.slice(0, half)}\n…\n${value.slice(-half)}`)
}

/** A slice keeps the whole string in memory; a copy does not. */
const copied = (text: string): string => Buffer.from(text, 'utf16le').toString('utf16le')

/** A short text, or undefined: longer text is not a name. */
export function nameOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME ? value : undefined
}

/** A number of at most 53 bits, or undefined, so that any sum stays finite. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : undefined
}

/** A count, or undefined when it is negative or above a thousand million. */
export function countOf(value: unknown): number | undefined {
  const count = numberOf(value)
  return count !== undefined && count >= 0 && count <= MOST ? count : undefined
}

/** A duration in seconds, or undefined: a negative one, or one of decades, is a clock error or a forgery. */
export const secondsOf = (value: unknown): number | undefined => countOf(value)

const MOST = 1e9
