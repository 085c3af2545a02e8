import type { ParseArgsConfig } from 'node:util'
import { isLovageError } from 'lovage'
import { WebhookError } from '../../domain/index.js'
import type { Webhooks } from '../../facade/index.js'

/** An option: `--name VALUE`, or a flag. */
export interface Option {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  readonly multiple?: boolean
  /** `VALUE` of the help. */
  readonly value?: string
  readonly help: string
}

/** The options that were given. */
export type Given = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>

/** What a command gets. */
export interface Run {
  readonly hooks: Webhooks
  readonly words: readonly string[]
  readonly given: Given
  readonly tenant: string
  readonly out: Output
}

/** Where results go: tables for people, JSON for programs. */
export interface Output {
  readonly isJson: boolean
  /** A result; as a table of these columns, or as JSON. */
  rows(items: readonly object[], columns: readonly string[]): void
  /** A result as JSON, or as `text` for people. */
  value(value: unknown, text: string): void
  /** A remark, to stderr. */
  say(text: string): void
}

/** A command of `lovage-webhooks`. */
export interface Command {
  readonly name: string
  readonly summary: string
  /** The forms of its words: `list`, `create URL`. */
  readonly forms: readonly string[]
  readonly options: Readonly<Record<string, Option>>
  readonly examples: readonly string[]
  /** Resolves to the exit code. */
  run(run: Run): Promise<number | undefined>
}

/** Options of every command. */
export const GLOBAL_OPTIONS: Readonly<Record<string, Option>> = {
  app: {
    type: 'string',
    short: 'A',
    value: 'MODULE',
    help: 'the file of your app: src/app.ts (default: CELERY_APP, package.json)',
  },
  broker: { type: 'string', short: 'b', value: 'URL', help: 'the broker, unless the app names one' },
  store: {
    type: 'string',
    value: 'URL',
    help: 'the store, where no app adds webhooks (default: LOVAGE_WEBHOOKS_STORE)',
  },
  tenant: { type: 'string', short: 't', value: 'NAME', help: 'the tenant (default: default)' },
  json: { type: 'boolean', help: 'print JSON' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
}

/** The engine's exit codes: those of sysexits.h. */
export const EXIT = { ok: 0, failed: 1, usage: 64, unavailable: 69, configuration: 78 } as const

/** A command line that is not understood. */
export class UsageError extends Error {}

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage
  if (!isLovageError(error)) return EXIT.failed
  const code: string = error.code
  if (code === 'LVG_USAGE') return EXIT.usage
  if (/^LVG_CONNECTION|^LVG_STORE_(LOCKED|FULL)|^LVG_WEBHOOK_STORE$/.test(code)) return EXIT.unavailable
  if (/^LVG_(CONFIG|APP|MODULE_NOT|DRIVER|CAPABILITY|WEBHOOK_(SETUP|KEY_MISSING))/.test(code))
    return EXIT.configuration
  return EXIT.failed
}

/** Options as `util.parseArgs` takes them. */
export const parseOptions = (
  options: Readonly<Record<string, Option>>,
): NonNullable<ParseArgsConfig['options']> =>
  Object.fromEntries(
    Object.entries(options).map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short === undefined ? {} : { short }), ...(multiple === undefined ? {} : { multiple }) },
    ]),
  )

/** The value of an option with a value. */
export function textOf(given: Given, name: string): string | undefined {
  const value = given[name]
  return typeof value === 'string' ? value : undefined
}

/** The values of an option that may be given several times, or as a list with commas. */
export function textsOf(given: Given, name: string): readonly string[] | undefined {
  const value = given[name]
  if (value === undefined) return undefined
  return [value]
    .flat()
    .flatMap((each) => String(each).split(','))
    .map((each) => each.trim())
    .filter((each) => each !== '')
}

/** A whole number. @throws {UsageError} */
export function numberOf(given: Given, name: string, least = 0): number | undefined {
  const text = textOf(given, name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (Number.isInteger(value) && value >= least) return value
  throw new UsageError(`--${name} wants a whole number from ${least}, not ${JSON.stringify(text)}.`)
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `15m`, `30d` in milliseconds. @throws {UsageError} */
export function durationOf(given: Given, name: string): number | undefined {
  const text = textOf(given, name)
  if (text === undefined) return undefined
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? []
  const ms = UNITS[unit]
  if (count === undefined || ms === undefined)
    throw new UsageError(
      `--${name} wants a duration such as 30s, 15m, 12h or 30d, not ${JSON.stringify(text)}.`,
    )
  return Number(count) * ms
}

/** `2026-01-31`, `2026-01-31T10:00:00Z`, or `2h` = so long ago; in milliseconds since 1970. @throws {UsageError} */
export function timeOf(given: Given, name: string, nowMs: number): number | undefined {
  const text = textOf(given, name)
  if (text === undefined) return undefined
  if (/^\d+[smhd]$/.test(text)) return nowMs - (durationOf(given, name) ?? 0)
  const ms = Date.parse(text)
  if (Number.isNaN(ms))
    throw new UsageError(
      `--${name} wants a time (2026-01-31T10:00:00Z) or an age (2h), not ${JSON.stringify(text)}.`,
    )
  return ms
}

/** The one word that a form needs. @throws {UsageError} */
export function wordOf(words: readonly string[], at: number, what: string): string {
  const word = words[at]
  if (word === undefined || word === '') throw new UsageError(`${what} is missing.`)
  return word
}

/** An input error of a value, not of the command line. */
export const invalid = (field: string, message: string): WebhookError =>
  new WebhookError(message, { code: 'LVG_WEBHOOK_INVALID', field })
