import { InvalidArgumentError } from 'commander'
import type { EntryChanges, EntryDefinition } from '../../beat/index.js'
import { ConfigurationError } from '../../kernel/index.js'
import {
  clocked,
  crontab,
  interval,
  type MissedPolicy,
  type Schedule,
  type SolarEvent,
  solar,
} from '../../schedule/index.js'

/** An entry's options on the command line. */
export interface EntryOptions {
  readonly task?: string
  /** Seconds. */
  readonly every?: number
  readonly crontab?: string
  readonly solar?: string
  readonly at?: string
  readonly relative?: boolean
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  readonly queue?: string
  readonly priority?: number
  readonly options?: Readonly<Record<string, unknown>>
  readonly expires?: number
  readonly timezone?: string
  readonly missed?: MissedPolicy
  readonly missedAfter?: number
  readonly overlap?: 'allow' | 'skip'
  readonly jitter?: number
  readonly disabled?: boolean
}

/** The changes requested on the command line; `before` is the current entry, whose other call options stay. */
export function changesOf(options: EntryOptions, before?: EntryDefinition): EntryChanges {
  const schedule = scheduleOf(options)
  const { task, relative, args, kwargs, expires, timezone, missed, missedAfter, overlap, jitter, disabled } =
    options
  const call = callOptions(options)
  return {
    ...(task === undefined ? {} : { task }),
    ...(schedule === undefined ? {} : { schedule }),
    ...(relative === undefined ? {} : { relative }),
    ...(args === undefined ? {} : { args }),
    ...(kwargs === undefined ? {} : { kwargs }),
    ...(call === undefined ? {} : { options: { ...before?.options, ...call } }),
    ...(expires === undefined ? {} : { expires }),
    ...(timezone === undefined ? {} : { timezone }),
    ...(missed === undefined ? {} : { missed }),
    ...(missedAfter === undefined ? {} : { missedAfterMs: missedAfter * 1000 }),
    ...(overlap === undefined ? {} : { overlap }),
    ...(jitter === undefined ? {} : { jitterMs: jitter * 1000 }),
    ...(disabled === undefined ? {} : { enabled: !disabled }),
  }
}

function callOptions({
  options,
  queue,
  priority,
}: EntryOptions): Readonly<Record<string, unknown>> | undefined {
  if (options === undefined && queue === undefined && priority === undefined) return undefined
  return {
    ...options,
    ...(queue === undefined ? {} : { queue }),
    ...(priority === undefined ? {} : { priority }),
  }
}

/** The schedule given on the command line; undefined without one. */
export function scheduleOf(options: EntryOptions): Schedule | undefined {
  const given = [options.every, options.crontab, options.solar, options.at].filter((one) => one !== undefined)
  if (given.length > 1) throw usage('An entry has one schedule: --every, --crontab, --solar or --at.')
  if (options.every !== undefined) return interval(options.every, { relative: options.relative ?? false })
  if (options.crontab !== undefined) return crontab.fromString(options.crontab)
  if (options.at !== undefined) return clocked(options.at)
  if (options.solar === undefined) return undefined
  const [event = '', latitude, longitude] = options.solar.split(',').map((part) => part.trim())
  // An unknown event is refused with the list of valid ones.
  return solar(event as SolarEvent, Number(latitude || Number.NaN), Number(longitude || Number.NaN))
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** `30`, `1.5s`, `5m`, `1h30m`, `2d`: seconds. */
export function secondsOf(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text)
  if (!/^(\d+(\.\d+)?[smhd])+$/.test(text))
    throw new InvalidArgumentError("Give a time such as '30', '5m' or '1h30m'.")
  return [...text.matchAll(/([\d.]+)([smhd])/g)].reduce(
    (sum, [, count, unit = 's']) => sum + Number(count) * (UNIT_SECONDS[unit] ?? 1),
    0,
  )
}

/** Parses `skip`, `once`, `backfill:3`. */
export function missedOf(text: string): MissedPolicy {
  if (text === 'skip' || text === 'once') return text
  const count = /^backfill:(\d+)$/.exec(text)?.[1]
  if (count === undefined) throw new InvalidArgumentError('Give skip, once, or backfill:N.')
  return { backfill: Number(count) }
}

const usage = (message: string): ConfigurationError => new ConfigurationError(message, { code: 'LVG_USAGE' })
