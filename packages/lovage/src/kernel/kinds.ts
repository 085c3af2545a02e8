import { isInterval } from './rate.js'

/** What a setting or an option takes: the one rule for code, configuration files, the environment and the command line. */
export interface Kind<T> {
  /** Completes “expects …” and “must be …”. */
  readonly expects: string
  /** Whether a value given in code is of this kind. */
  accepts(value: unknown): boolean
  /** Reads text; undefined when it is not of this kind. */
  parse(text: string): T | undefined
}

const TRUE = new Set(['1', 'true', 'yes', 'on'])
const FALSE = new Set(['0', 'false', 'no', 'off', ''])

/** On or off. */
export const BOOLEAN: Kind<boolean> = {
  expects: 'true or false',
  accepts: (value) => typeof value === 'boolean',
  parse: (text) => (TRUE.has(text.toLowerCase()) ? true : FALSE.has(text.toLowerCase()) ? false : undefined),
}

/** Any text. */
export const TEXT: Kind<string> = {
  expects: 'text',
  accepts: (value) => typeof value === 'string',
  parse: (text) => text,
}

function numberKind(expects: string, accepts: (value: number) => boolean): Kind<number> {
  return {
    expects,
    accepts: (value) => typeof value === 'number' && accepts(value),
    parse(text) {
      const value = Number(text)
      return text.trim() !== '' && accepts(value) ? value : undefined
    },
  }
}

/** Any number. */
export const NUMBER = numberKind('a number', (value) => !Number.isNaN(value))
/** A share, a factor, an amount. */
export const FROM_0 = numberKind('a number, 0 or more', (value) => Number.isFinite(value) && value >= 0)
/** A number of which none makes no sense. */
export const ABOVE_0 = numberKind('a number above 0', (value) => Number.isFinite(value) && value > 0)
/** Seconds, or parts of one; 0 may have a meaning of its own. */
export const SECONDS = numberKind(
  'a number of seconds, 0 or more',
  (value) => Number.isFinite(value) && value >= 0,
)
/** Seconds, where none makes no sense. */
export const SOME_SECONDS = numberKind(
  'a number of seconds above 0',
  (value) => Number.isFinite(value) && value > 0,
)
/** The time from now, which may have passed. */
export const SECONDS_FROM_NOW = numberKind('a number of seconds', Number.isFinite)

/** A whole number within bounds. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): Kind<number> {
  const bounds = most === Number.MAX_SAFE_INTEGER ? `, ${least} or more` : ` from ${least} to ${most}`
  return numberKind(
    `a whole number${bounds}`,
    (value) => Number.isSafeInteger(value) && value >= least && value <= most,
  )
}

/** 10 is taken too, for RabbitMQ's and Redis' queues of ten levels, and counts as 9. */
export const PRIORITY: Kind<number> = {
  ...whole(0, 10),
  expects: 'a whole number from 0 to 9 (10 counts as 9), higher first',
}

/** `10/s`, `10/m`, `10/h`, or a number per second. */
export const RATE: Kind<string | number> = {
  expects: 'a rate such as 10/s, 10/m or 10/h, or a number per second',
  accepts: (value) => (typeof value === 'string' || typeof value === 'number') && isInterval(value),
  parse: (text) => (isInterval(text) ? text : undefined),
}

/** One of a fixed set of words. */
export function oneOf<const T extends string>(...choices: readonly T[]): Kind<T> {
  const isChoice = (candidate: unknown): candidate is T => (choices as readonly unknown[]).includes(candidate)
  return {
    expects: `one of ${choices.join(', ')}`,
    accepts: isChoice,
    parse: (given) => (isChoice(given) ? given : undefined),
  }
}

/** What only code can give. */
export const inCode = (expects: string, accepts: (value: unknown) => boolean): Kind<never> => ({
  expects,
  accepts,
  parse: () => undefined,
})

/** A value as an error names it. */
export function described(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return value instanceof Date ? `the Date ${String(value)}` : 'an object'
  if (typeof value === 'function') return 'a function'
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
