import { intervalOf, newId } from '../../kernel/index.js'
import type { AppCore } from '../core/index.js'
import { whereAgreed } from './where-agreed.js'

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
