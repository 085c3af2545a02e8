import { ConfigurationError } from '../../kernel/index.js'

/**
 * Tells apart the calls that a guard is about: those of one key. It gets what the task gets, after the context. Default: the
 * arguments themselves.
 */
export type GuardKey<Args extends readonly unknown[]> = (...args: Args) => string

/** How calls of a task are kept apart, by default those with equal arguments together. */
export interface Keyed<Args extends readonly unknown[]> {
  readonly key?: GuardKey<Args>
}

/** Until when a call stands in the way of others like it. */
export interface UniqueOptions<Args extends readonly unknown[] = never[]> extends Keyed<Args> {
  /**
   * `end` (default): it has succeeded, or failed for good, or was revoked; `success`: it has succeeded, or `for` is over;
   * `start`: a worker has begun with it; `expiry`: `for` is over, whatever becomes of it.
   */
  readonly until?: 'start' | 'end' | 'success' | 'expiry'
  /**
   * Seconds after which others may come although the call has not ended, counted from its last sign of life: from when it was
   * sent, is due, is to be retried, or was last seen in a worker. Default 3600.
   */
  readonly for?: number
}

/** A period for the calls of each key. */
export interface PeriodOptions<Args extends readonly unknown[] = never[]> extends Keyed<Args> {
  readonly seconds: number
}

/** When a task is not tried any more, because what it needs is down. */
export interface CircuitBreakerOptions<Args extends readonly unknown[] = never[]> extends Keyed<Args> {
  /** How many of the last runs are looked at. Default 20. */
  readonly window?: number
  /** How many runs it takes at least before the breaker may open. Default 10. */
  readonly minimum?: number
  /** The share of failed runs at which it opens, 0 to 1. Default 0.5. */
  readonly threshold?: number
  /** Seconds for which it stays open before one run is let through to try. Default 60. */
  readonly openFor?: number
  /**
   * `postpone` (default): tasks wait in the broker until it is tried again, no attempt consumed; `fail`: they fail at once with
   * CircuitOpenError.
   */
  readonly whileOpen?: 'postpone' | 'fail'
}

/** What a task may say about other calls of itself; each holds for the whole fleet. */
export interface GuardOptions<Args extends readonly unknown[] = never[]> {
  /**
   * While a call waits or runs, further ones with the same key are not sent: they answer with the result of that call.
   * `true` = until it has ended.
   */
  readonly unique?: boolean | UniqueOptions<Args>
  /** Sends the first call of so many seconds; further ones of the same key answer with its result. */
  readonly throttle?: number | PeriodOptions<Args>
  /** Runs so many seconds after the last call of the same key, with its arguments; earlier ones end REVOKED. */
  readonly debounce?: number | PeriodOptions<Args>
  /** Of calls with the same key that wait, only the latest is run; earlier ones end REVOKED. */
  readonly keepLatest?: boolean | Keyed<Args>
  /** Stops trying a task most of whose runs fail, and tries again after a while. `true` = the defaults. */
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

/** What a task's options say about its other calls, all defaults filled in; undefined = nothing. */
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

/** The breaker that a task's options name. */
export function breakerOf({ circuitBreaker }: GuardOptions): Breaker | undefined {
  if (!circuitBreaker) return undefined
  const given: CircuitBreakerOptions = circuitBreaker === true ? {} : circuitBreaker
  const { window = 20, minimum = 10, threshold = 0.5, openFor = 60, whileOpen = 'postpone', key } = given
  return { window, minimum, threshold, openForMs: openFor * 1000, whileOpen, key }
}

const periodOf = (given: number | PeriodOptions): PeriodOptions =>
  typeof given === 'number' ? { seconds: given } : given

/** @throws {ConfigurationError} LVG_CONFIG_INVALID for guards that contradict each other, and for what is no time or share. */
export function checkGuards(whose: string, options: GuardOptions): void {
  const refuse = (problem: string): never => {
    throw new ConfigurationError(`${whose}: ${problem}`, { code: 'LVG_CONFIG_INVALID' })
  }
  const given = (['unique', 'throttle', 'debounce', 'keepLatest'] as const).filter((name) => options[name])
  if (given.length > 1) refuse(`${given.join(' and ')} cannot hold together; choose one.`)
  const guard = callGuardOf(options)
  const periodMs = guard?.kind === 'unique' ? guard.forMs : guard?.delayMs
  if (periodMs !== undefined && !(Number.isFinite(periodMs) && periodMs >= 0))
    refuse(`${given[0]} is a number of seconds.`)
  if (guard?.kind === 'unique' && !['start', 'end', 'success', 'expiry'].includes(guard.until))
    refuse(`unique until ${String(guard.until)} is not known; it is start, end, success or expiry.`)
  const breaker = breakerOf(options)
  if (!breaker) return
  const { window, minimum, threshold, openForMs, whileOpen } = breaker
  if (!(Number.isInteger(minimum) && minimum >= 1 && Number.isInteger(window) && window >= minimum))
    refuse('circuitBreaker: window and minimum are whole numbers of runs, the minimum not above the window.')
  if (!(threshold > 0 && threshold <= 1)) refuse('circuitBreaker: threshold is a share above 0, at most 1.')
  if (!(Number.isFinite(openForMs) && openForMs > 0))
    refuse('circuitBreaker: openFor is a number of seconds.')
  if (whileOpen !== 'postpone' && whileOpen !== 'fail')
    refuse(`circuitBreaker: whileOpen is postpone or fail, not ${String(whileOpen)}.`)
}
