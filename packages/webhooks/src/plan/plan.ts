import type { DeliveryState, OutcomeKind } from '../domain/index.js'
import { retryAfterMs } from './retry-after.js'

/** The retry schedule of a delivery. */
export interface RetrySchedule {
  /** Retries of the task itself, after the first attempt. Default 3. */
  readonly taskRetries: number
  /** The first backoff of those retries; each is double the previous one. Default 10,000. */
  readonly taskBackoffMs: number
  /** The longest backoff. Default 600,000. */
  readonly taskBackoffMaxMs: number
  /** Waits before the sweeper's attempts, after the task's retries are spent. Default 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. */
  readonly sweepDelaysMs: readonly number[]
  /** The minimum wait after a timeout or 429. Default 60,000. */
  readonly busyWaitMs: number
  /** The random fraction by which a wait may be shorter or longer. Default 0.2. */
  readonly jitter: number
}

const [SECOND, MINUTE, HOUR] = [1_000, 60_000, 3_600_000]

export const DEFAULT_SCHEDULE: RetrySchedule = {
  taskRetries: 3,
  taskBackoffMs: 10 * SECOND,
  taskBackoffMaxMs: 600 * SECOND,
  sweepDelaysMs: [
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
  ],
  busyWaitMs: MINUTE,
  jitter: 0.2,
}

/** The outcome of an attempt, as far as the plan needs it. */
export interface EndedAttempt {
  /** 1 = the first. */
  readonly number: number
  readonly outcome: OutcomeKind
  readonly status: number | null
  readonly retryAfter: string | null
  readonly permanentStatuses: readonly number[]
}

/** A delivery's next step. `pending`: its task retries it; `failed`: the sweeper does. */
export interface NextStep {
  readonly state: Extract<DeliveryState, 'pending' | 'failed' | 'success' | 'exhausted'>
  readonly nextAttemptAtMs: number | null
  /** The endpoint answered 410: it is gone. */
  readonly isGone: boolean
}

/** The longest `Retry-After` that is honoured. */
const RETRY_AFTER_MAX_MS = HOUR

/** The next step of a delivery after an attempt. `random` returns numbers from 0 to 1. */
export function planNext(
  attempt: EndedAttempt,
  schedule: RetrySchedule,
  nowMs: number,
  random: () => number,
): NextStep {
  const ended = (state: 'success' | 'exhausted', isGone = false): NextStep => ({
    state,
    nextAttemptAtMs: null,
    isGone,
  })
  if (attempt.outcome === 'success') return ended('success')
  if (attempt.status === 410) return ended('exhausted', true)
  if (attempt.status !== null && attempt.permanentStatuses.includes(attempt.status)) return ended('exhausted')
  const { taskRetries, taskBackoffMs, taskBackoffMaxMs, sweepDelaysMs, jitter } = schedule
  const isTasks = attempt.number <= taskRetries
  const baseMs = isTasks
    ? Math.min(taskBackoffMaxMs, taskBackoffMs * 2 ** (attempt.number - 1))
    : sweepDelaysMs[attempt.number - taskRetries - 1]
  if (baseMs === undefined) return ended('exhausted')
  const jittered = baseMs * (1 - jitter + 2 * jitter * random())
  const waitMs = Math.max(
    isTasks ? Math.min(jittered, taskBackoffMaxMs) : jittered,
    leastWaitMs(attempt, schedule, nowMs),
  )
  return { state: isTasks ? 'pending' : 'failed', nextAttemptAtMs: Math.ceil(nowMs + waitMs), isGone: false }
}

function leastWaitMs(
  { outcome, status, retryAfter }: EndedAttempt,
  { busyWaitMs }: RetrySchedule,
  nowMs: number,
): number {
  const busyMs = outcome === 'timeout' || status === 429 ? busyWaitMs : 0
  const askedMs = Math.min(retryAfterMs(retryAfter, nowMs) ?? 0, RETRY_AFTER_MAX_MS)
  return Math.max(busyMs, askedMs)
}

/** The maximum number of attempts of a delivery. */
export const attemptsOf = ({ taskRetries, sweepDelaysMs }: RetrySchedule): number =>
  1 + taskRetries + sweepDelaysMs.length
