import { ConfigurationError } from './errors.js'

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

function read(rate: string | number): number | undefined {
  const [, count, unit = 's'] = /^\s*(\d+(?:\.\d+)?)\s*(?:\/\s*([smh]))?\s*$/.exec(String(rate)) ?? []
  const unitMs = UNIT_MS[unit]
  return count === undefined || unitMs === undefined ? undefined : unitMs / Number(count)
}

/** Whether `intervalOf` can read it. */
export const isInterval = (rate: string | number): boolean => rate === '' || read(rate) !== undefined

/**
 * Milliseconds between two runs under a rate such as `10/s`, `10/m`, `10/h`, or a number per second; undefined = no limit,
 * which is the meaning of absent, null, an empty text and 0.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID for anything else.
 */
export function intervalOf(rate: string | number | null | undefined): number | undefined {
  if (rate === null || rate === undefined || rate === '') return undefined
  const intervalMs = read(rate)
  if (intervalMs === undefined)
    throw new ConfigurationError(
      `A rate must be written as 10/s, 10/m or 10/h, not ${JSON.stringify(rate)}.`,
      { code: 'LVG_CONFIG_INVALID', details: { rate } },
    )
  return Number.isFinite(intervalMs) ? intervalMs : undefined
}
