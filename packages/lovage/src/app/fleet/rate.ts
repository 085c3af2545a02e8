import { ConfigurationError, newId } from '../../kernel/index.js'
import type { AppCore } from '../core/index.js'
import { whereAgreed } from './where-agreed.js'

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

/**
 * Milliseconds between two runs under a rate such as `10/s`, `10/m`, `10/h`, or a number a second; undefined = no limit,
 * which is what absence, null, an empty text and 0 mean.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID for anything else.
 */
export function intervalOf(rate: string | number | null | undefined): number | undefined {
  if (rate === null || rate === undefined || rate === '') return undefined
  const [, count, unit = 's'] = /^\s*(\d+(?:\.\d+)?)\s*(?:\/\s*([smh]))?\s*$/.exec(String(rate)) ?? []
  const unitMs = UNIT_MS[unit]
  if (count === undefined || unitMs === undefined)
    throw new ConfigurationError(`A rate is 10/s, 10/m or 10/h, not ${JSON.stringify(rate)}.`, {
      code: 'LVG_CONFIG_INVALID',
      details: { rate },
    })
  return Number(count) === 0 ? undefined : unitMs / Number(count)
}

/** Where rates stand that were changed at run time, by task name. */
export const RATES = 'rates'
/** Which line of waiting tasks is in force under a task's rate, by its name; a new one begins where the old one has gaps. */
export const LINES = 'rate-lines'
/** The key of what holds for every task's line. */
export const ALL_LINES = '*'
/** Longer than any place in a line is remembered. */
const LINE_KEPT_MS = 86_400_000

/** Tasks were removed from where they waited: what comes now is not to wait behind them. */
export async function renewLines(host: Pick<AppCore, 'clock' | 'coordination'>): Promise<void> {
  const mark = { key: ALL_LINES, value: newId(), expiresMs: host.clock.now() + LINE_KEPT_MS }
  await whereAgreed(async () => void (await (await host.coordination()).put(LINES, [mark])))
}

/**
 * Changes a task's rate in the whole cluster, until it is changed again; null = what the task's own options say.
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
