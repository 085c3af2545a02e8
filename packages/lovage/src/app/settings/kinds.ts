import {
  BOOLEAN,
  ConfigurationError,
  described,
  type Kind,
  NUMBER,
  oneOf,
  PRIORITY,
  RATE,
  SECONDS,
  SOME_SECONDS,
  TEXT,
  whole,
} from '../../kernel/index.js'
import { isTimeZone } from '../../schedule/index.js'

/** One setting: its default, its kind, and whether it does anything here. */
export interface Setting<T> {
  readonly default: T
  readonly kind: Kind<T>
  /** Why a Celery setting has no effect here; absent on settings that work. */
  readonly inert?: string
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
export const flag = (value: boolean): Setting<boolean> => ({ default: value, kind: BOOLEAN })
/** A number of which this version makes nothing. */
export const number = (value: number): Setting<number> => ({ default: value, kind: NUMBER })
/** A whole number within bounds. */
export const count = (value: number, least: number, most?: number): Setting<number> => ({
  default: value,
  kind: whole(least, most),
})
/** Seconds; 0 has the meaning that the setting's docstring gives it. */
export const seconds = (value: number): Setting<number> => ({ default: value, kind: SECONDS })
/** Seconds, more than 0. */
export const someSeconds = (value: number): Setting<number> => ({ default: value, kind: SOME_SECONDS })
/** The priority of a task. */
export const priority = (value: number): Setting<number> => ({ default: value, kind: PRIORITY })
/** Runs per unit of time. */
export const rate = (value: string): Setting<string | number> => ({ default: value, kind: RATE })
/** Text. */
export const text = (value: string): Setting<string> => ({ default: value, kind: TEXT })
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
export const choice = <const T extends string>(value: NoInfer<T>, ...choices: readonly T[]): Setting<T> => ({
  default: value,
  kind: oneOf(...choices),
})
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

const SHORT = /^[-+.,\w ]{0,12}$/

/** What to do instead. */
const remedyOf = ({ default: value }: Setting<unknown>): { readonly hint: string } => ({
  hint:
    value === undefined || typeof value === 'object'
      ? 'Correct it, or leave it out.'
      : `Correct it, or leave it out for the default, ${JSON.stringify(value)}.`,
})

/** Checks a value given in code, or read from a configuration file; `source` names the file. */
export function checkValue(name: string, setting: Setting<unknown>, value: unknown, source?: string): void {
  if (setting.kind.accepts(value)) return
  const where = source === undefined ? '' : `${source}: `
  throw new ConfigurationError(
    `${where}Setting ${name} expects ${setting.kind.expects}, not ${described(value)}.`,
    { code: 'LVG_CONFIG_INVALID', ...remedyOf(setting), details: { setting: name } },
  )
}

/** Reads a value from text. The error names where it came from; the text itself only if it is short, because it may be secret. */
export function parseValue(name: string, setting: Setting<unknown>, given: string, source: string): unknown {
  const value = setting.kind.parse(given)
  if (value !== undefined) return value
  const shown = SHORT.test(given) ? `, not ${JSON.stringify(given)}` : ''
  throw new ConfigurationError(`${source} expects ${setting.kind.expects}${shown} (setting ${name}).`, {
    code: 'LVG_CONFIG_INVALID',
    ...remedyOf(setting),
    details: { setting: name, source },
  })
}
