import { LovageError } from '../kernel/index.js'

/** The timeout and the name of the condition. */
export interface UntilOptions {
  /** Default 10,000. */
  readonly timeoutMs?: number
  /** The condition's name in the timeout error. */
  readonly what?: string
}

/**
 * Waits until a condition holds and returns its value. For conditions without an event; where there is one, await that.
 *
 * @example
 * import { until } from 'lovage/testing'
 * await until(async () => (await app.deadLetters.list()).items.length === 1, { timeoutMs: 5000 })
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const { timeoutMs = 10_000, what = condition.toString() } = options
  const deadline = performance.now() + timeoutMs
  for (let pauseMs = 1; ; pauseMs = Math.min(50, pauseMs * 2)) {
    const value = await condition()
    // Only null, undefined and false keep waiting, and the type excludes them.
    if (value !== false && value !== null && value !== undefined)
      return value as NonNullable<Exclude<T, false>>
    if (performance.now() > deadline)
      throw new LovageError(`Not within ${timeoutMs} ms: ${what}`, { code: 'LVG_RESULT_TIMEOUT' })
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}
