import { ConfigurationError } from '../../kernel/index.js'
import { isTimeZone } from '../../schedule/index.js'

/** How a setting's value is checked, and read from text (environment, command line). */
export interface Kind<T> {
  readonly expects: string
  /** Whether a value given in code is of this kind. */
  accepts(value: unknown): boolean
  /** Reads text; undefined when it is not of this kind. */
  parse(text: string): T | undefined
}

/** One setting: its default, its kind, and whether it does anything here. */
export interface Setting<T> {
  readonly default: T
  readonly kind: Kind<T>
  /** Why a Celery setting has no effect here; absent on settings that work. */
  readonly inert?: string
}

const TRUE = new Set(['1', 'true', 'yes', 'on'])
const FALSE = new Set(['0', 'false', 'no', 'off', ''])

const booleanKind: Kind<boolean> = {
  expects: 'true or false',
  accepts: (value) => typeof value === 'boolean',
  parse: (text) => (TRUE.has(text.toLowerCase()) ? true : FALSE.has(text.toLowerCase()) ? false : undefined),
}
const numberKind: Kind<number> = {
  expects: 'a number',
  accepts: (value) => typeof value === 'number' && !Number.isNaN(value),
  parse: (text) => (text.trim() === '' || Number.isNaN(Number(text)) ? undefined : Number(text)),
}
const stringKind: Kind<string> = {
  expects: 'text',
  accepts: (value) => typeof value === 'string',
  parse: (text) => text,
}
const urlKind: Kind<string> = {
  expects: 'a URL, which is not empty',
  accepts: (value) => typeof value === 'string' && value.trim() !== '',
  parse: (text) => (text.trim() === '' ? undefined : text),
}
const timeZoneKind: Kind<string> = {
  expects: 'the IANA name of a time zone, such as Europe/Berlin or UTC',
  accepts: (value) => typeof value === 'string' && isTimeZone(value),
  parse: (text) => (isTimeZone(text) ? text : undefined),
}
const listKind: Kind<readonly string[]> = {
  expects: 'a list of text',
  accepts: (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
  parse: (text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean),
}
const jsonKind = (expects: string): Kind<unknown> => ({
  expects,
  accepts: (value) => typeof value === 'object' && value !== null,
  parse(text) {
    try {
      return JSON.parse(text)
    } catch {
      return undefined
    }
  },
})

/** A setting that is on or off. */
export const flag = (value: boolean): Setting<boolean> => ({ default: value, kind: booleanKind })
/** A number; its unit is in the setting's docstring. */
export const number = (value: number): Setting<number> => ({ default: value, kind: numberKind })
/** Text. */
export const text = (value: string): Setting<string> => ({ default: value, kind: stringKind })
/** The URL of a server. */
export const url = (value = ''): Setting<string> => ({ default: value, kind: urlKind })
/** A time zone. */
export const timeZone = (value: string): Setting<string> => ({ default: value, kind: timeZoneKind })
/** A list of names. */
export const list = (value: readonly string[]): Setting<readonly string[]> => ({
  default: value,
  kind: listKind,
})
/** One of a fixed set of words. */
export function choice<const T extends string>(value: NoInfer<T>, ...choices: readonly T[]): Setting<T> {
  const isChoice = (candidate: unknown): candidate is T => (choices as readonly unknown[]).includes(candidate)
  return {
    default: value,
    kind: {
      expects: `one of ${choices.join(', ')}`,
      accepts: isChoice,
      parse: (given) => (isChoice(given) ? given : undefined),
    },
  }
}
/** A structure, which its own code validates further. */
export const structure = <T>(value: T, expects = 'an object or a list'): Setting<T> => ({
  default: value,
  // The kind only tells objects from other values; the typed parameter of the constructor enforces the rest.
  kind: jsonKind(expects) as Kind<T>,
})
/** A value that may be absent. */
export const optional = <T>(setting: Setting<T>): Setting<T | undefined> => ({
  ...setting,
  default: undefined,
  kind: {
    ...setting.kind,
    accepts: (value) => value === undefined || value === null || setting.kind.accepts(value),
  },
})
/** A Celery setting that is known and has no effect here. */
export const inert = <T>(setting: Setting<T>, why: string): Setting<T> => ({ ...setting, inert: why })

/** Checks a value given in code or read from a configuration object. */
export function checkValue(name: string, setting: Setting<unknown>, value: unknown): void {
  if (setting.kind.accepts(value)) return
  throw new ConfigurationError(`Setting ${name} expects ${setting.kind.expects}, not ${describe(value)}.`, {
    code: 'LVG_CONFIG_INVALID',
    details: { setting: name },
  })
}

/** Reads a value from text; the error names the text's source, never the text itself (it may be secret). */
export function parseValue(name: string, setting: Setting<unknown>, given: string, source: string): unknown {
  const value = setting.kind.parse(given)
  if (value !== undefined) return value
  throw new ConfigurationError(`${source} expects ${setting.kind.expects} (setting ${name}).`, {
    code: 'LVG_CONFIG_INVALID',
    details: { setting: name, source },
  })
}

function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `${typeof value} ${JSON.stringify(value)}`
}
