import { ConfigurationError } from '../../kernel/index.js'

/**
 * Groups the calls that a guard applies to by key. It gets the task's arguments, without the context. Default: the
 * arguments themselves.
 */
export type GuardKey<Args extends readonly unknown[]> = (...args: Args) => string

/** How a task's calls are grouped; by default calls with equal arguments belong together. */
export interface Keyed<Args extends readonly unknown[]> {
  readonly key?: GuardKey<Args>
}

/** How long a call blocks others with the same key. */
export interface UniqueOptions<Args extends readonly unknown[] = never[]> extends Keyed<Args> {
  /**
   * `end` (default): until it has succeeded, failed for good, or been revoked; `success`: until it has succeeded, or `for` has passed;
   * `start`: until a worker has started it; `expiry`: until `for` has passed, regardless of the call's outcome.
   */
  readonly until?: 'start' | 'end' | 'success' | 'expiry'
  /**
   * Seconds after which other calls are accepted although this one has not ended, counted from its last sign of life: from when it
   * was sent, is due, is to be retried, or was last seen in a worker. Default 3600.
   */
  readonly for?: number
}

/** A period for the calls of each key. */
export interface PeriodOptions<Args extends readonly unknown[] = never[]> extends Keyed<Args> {
  readonly seconds: number
}

/** When to stop trying a task because something it depends on is down. */
export interface CircuitBreakerOptions<Args extends readonly unknown[] = never[]> extends Keyed<Args> {
  /** How many of the last runs are considered. Default 20. */
  readonly window?: number
  /** Minimum number of runs before the breaker may open. Default 10. */
  readonly minimum?: number
  /** The share of failed runs at which it opens, 0 to 1. Default 0.5. */
  readonly threshold?: number
  /** Seconds for which it stays open before one trial run is let through. Default 60. */
  readonly openFor?: number
  /**
   * `postpone` (default): tasks wait in the broker until the next trial, no attempt consumed; `fail`: they fail at once with
   * CircuitOpenError.
   */
  readonly whileOpen?: 'postpone' | 'fail'
}

/** A task's rules about other calls of itself; each applies to the whole fleet. */
export interface GuardOptions<Args extends readonly unknown[] = never[]> {
  /**
   * While a call waits or runs, further ones with the same key are not sent: they return the result of that call.
   * `true` = until it has ended.
   */
  readonly unique?: boolean | UniqueOptions<Args>
  /** Sends the first call in each period of this many seconds; further ones with the same key return its result. */
  readonly throttle?: number | PeriodOptions<Args>
  /** Runs this many seconds after the last call with the same key, with its arguments; earlier calls end REVOKED. */
  readonly debounce?: number | PeriodOptions<Args>
  /** Of the waiting calls with the same key, only the latest is run; earlier ones end REVOKED. */
  readonly keepLatest?: boolean | Keyed<Args>
  /** Stops trying a task when most of its runs fail, and tries again after a while. `true` = the defaults. */
  readonly circuitBreaker?: boolean | CircuitBreakerOptions<Args>
}

/** How a task decides which of its calls are sent and run. */
export type CallGuard =
  | {
      readonly kind: 'unique'
      readonly until: NonNullable<UniqueOptions['until']>
      readonly forMs: number
      readonly key: GuardKey<never[]> | undefined
    }
  | { readonly kind: 'latest'; readonly delayMs: number; readonly key: GuardKey<never[]> | undefined }

const DEFAULT_FOR_S = 3600

/** The guard described by a task's options, all defaults filled in; undefined = none. */
export function callGuardOf({ unique, throttle, debounce, keepLatest }: GuardOptions): CallGuard | undefined {
  if (unique) {
    const { until = 'end', for: forS = DEFAULT_FOR_S, key }: UniqueOptions = unique === true ? {} : unique
    return { kind: 'unique', until, forMs: forS * 1000, key }
  }
  if (throttle) {
    const { seconds, key } = periodOf(throttle)
    return { kind: 'unique', until: 'expiry', forMs: seconds * 1000, key }
  }
  if (debounce) {
    const { seconds, key } = periodOf(debounce)
    return { kind: 'latest', delayMs: seconds * 1000, key }
  }
  if (keepLatest) return { kind: 'latest', delayMs: 0, key: keepLatest === true ? undefined : keepLatest.key }
  return undefined
}

/** A task's breaker, all defaults filled in. */
export interface Breaker {
  readonly window: number
  readonly minimum: number
  readonly threshold: number
  readonly openForMs: number
  readonly whileOpen: 'postpone' | 'fail'
  readonly key: GuardKey<never[]> | undefined
}

/** The breaker that a task's options describe. */
export function breakerOf({ circuitBreaker }: GuardOptions): Breaker | undefined {
  if (!circuitBreaker) return undefined
  const given: CircuitBreakerOptions = circuitBreaker === true ? {} : circuitBreaker
  const { window = 20, minimum = 10, threshold = 0.5, openFor = 60, whileOpen = 'postpone', key } = given
  return { window, minimum, threshold, openForMs: openFor * 1000, whileOpen, key }
}

const periodOf = (given: number | PeriodOptions): PeriodOptions =>
  typeof given === 'number' ? { seconds: given } : given

/** @throws {ConfigurationError} LVG_CONFIG_INVALID for guards that contradict each other, and for invalid times or shares. */
export function checkGuards(whose: string, options: GuardOptions): void {
  const refuse = (problem: string): never => {
    throw new ConfigurationError(`${whose}: ${problem}`, { code: 'LVG_CONFIG_INVALID' })
  }
  const given = (['unique', 'throttle', 'debounce', 'keepLatest'] as const).filter((name) => options[name])
  if (given.length > 1) refuse(`${given.join(' and ')} cannot be combined; choose one.`)
  const guard = callGuardOf(options)
  const periodMs = guard?.kind === 'unique' ? guard.forMs : guard?.delayMs
  if (periodMs !== undefined && !(Number.isFinite(periodMs) && periodMs >= 0))
    refuse(`${given[0]} must be a number of seconds.`)
  if (guard?.kind === 'unique' && !['start', 'end', 'success', 'expiry'].includes(guard.until))
    refuse(
      `unknown value of unique.until: ${String(guard.until)}; valid values are start, end, success and expiry.`,
    )
  const breaker = breakerOf(options)
  if (!breaker) return
  const { window, minimum, threshold, openForMs, whileOpen } = breaker
  if (!(Number.isInteger(minimum) && minimum >= 1 && Number.isInteger(window) && window >= minimum))
    refuse(
      'circuitBreaker: window and minimum must be whole numbers of runs, with minimum no greater than window.',
    )
  if (!(threshold > 0 && threshold <= 1)) refuse('circuitBreaker: threshold must be above 0 and at most 1.')
  if (!(Number.isFinite(openForMs) && openForMs > 0))
    refuse('circuitBreaker: openFor must be a number of seconds.')
  if (whileOpen !== 'postpone' && whileOpen !== 'fail')
    refuse(`circuitBreaker: whileOpen must be postpone or fail, not ${String(whileOpen)}.`)
}
