import { reprValue } from '../message/index.js'

/** Characters kept of an argument list, a result, an error. */
const MAX_TEXT = 1024
/** Characters kept of a traceback. */
const MAX_TRACEBACK = 16_384
/** Characters that a name, an id or a node may have. */
export const MAX_NAME = 256

/** What anybody may have sent as a text, at most `max` characters of it; what is no text is shown as Python would. */
export function textOf(value: unknown, max = MAX_TEXT): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') return copied(reprValue(value, max))
  return value.length > max ? copied(`${value.slice(0, max - 1)}…`) : value
}

/** A traceback, its end: the error stands there in Python's, and its beginning in ours, which is kept too. */
export function tracebackOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length <= MAX_TRACEBACK) return textOf(value, MAX_TRACEBACK)
  const half = MAX_TRACEBACK / 2
  return copied(`${value.slice(0, half)}\n…\n${value.slice(-half)}`)
}

/** A part of a text keeps the whole of it in memory; a copy does not. */
const copied = (text: string): string => Buffer.from(text, 'utf16le').toString('utf16le')

/** A short text, or undefined: what is longer is nobody's name. */
export function nameOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME ? value : undefined
}

/** A number of no more than 53 bits, or undefined: however many are added up, the sum is finite. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : undefined
}

/** How many there are, or undefined: nobody has fewer than none or more than a thousand million. */
export function countOf(value: unknown): number | undefined {
  const count = numberOf(value)
  return count !== undefined && count >= 0 && count <= MOST ? count : undefined
}

/** Seconds that something took, or undefined: a negative time, and one of decades, is a clock's fault or a forgery. */
export const secondsOf = (value: unknown): number | undefined => countOf(value)

const MOST = 1e9
