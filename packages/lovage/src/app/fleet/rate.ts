import { ConfigurationError, newId } from '../../kernel/index.js'
import type { AppCore } from '../core/index.js'
import { whereAgreed } from './where-agreed.js'

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

/**
 * Milliseconds between two runs under a rate such as `10/s`, `10/m`, `10/h`, or a number per second; undefined = no limit,
 * which is the meaning of absent, null, an empty text and 0.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID for anything else.
 */
export function intervalOf(rate: string | number | null | undefined): number | undefined {
  if (rate === null || rate === undefined || rate === '') return undefined
  const [, count, unit = 's'] = /^\s*(\d+(?:\.\d+)?)\s*(?:\/\s*([smh]))?\s*$/.exec(String(rate)) ?? []
  const unitMs = UNIT_MS[unit]
  if (count === undefined || unitMs === undefined)
    throw new ConfigurationError(
      `A rate must be written as 10/s, 10/m or 10/h, not ${JSON.stringify(rate)}.`,
      {
        code: 'LVG_CONFIG_INVALID',
        details: { rate },
      },
    )
  return Number(count) === 0 ? undefined : unitMs / Number(count)
}

/** The space of rates changed at run time, by task name. */
export const RATES = 'rates'
/** The waiting line in force under a task's rate, by task name; a new line starts when the old one has gaps. */
export const LINES = 'rate-lines'
/** The key that applies to every task's line. */
export const ALL_LINES = '*'
/** Longer than any place in a line is remembered. */
const LINE_KEPT_MS = 86_400_000

/** Tasks were removed from a line: newly arriving ones must not queue behind them. */
export async function renewLines(host: Pick<AppCore, 'clock' | 'coordination'>): Promise<void> {
  const mark = { key: ALL_LINES, value: newId(), expiresMs: host.clock.now() + LINE_KEPT_MS }
  await whereAgreed(async () => void (await (await host.coordination()).put(LINES, [mark])))
}

/**
 * Changes a task's rate in the whole cluster, until it is changed again; null = the rate in the task's own options.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID
 */
export async function setRate(
  core: Pick<AppCore, 'coordination'>,
  task: string,
  rate: string | number | null,
): Promise<void> {
  intervalOf(rate)
  const store = await core.coordination()
  if (rate === null) await store.remove(RATES, [{ key: task }])
  else await store.put(RATES, [{ key: task, value: String(rate) }])
}
