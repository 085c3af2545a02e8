import type { Lane, LaneLimits } from './lane.js'

/** A lane's decision about one more attempt. */
export type Admission =
  | { readonly kind: 'go'; readonly lane: Lane }
  | {
      readonly kind: 'wait'
      readonly lane: Lane
      readonly reason: 'circuit' | 'rate' | 'concurrency'
      /** When to ask again; null = when an attempt in flight has ended. */
      readonly untilMs: number | null
    }

/** The current state around a lane. */
export interface LaneMoment {
  readonly nowMs: number
  /** Attempts in flight at this endpoint, across the fleet. */
  readonly inFlight: number
  /** The time after which an unfinished attempt is considered lost. */
  readonly leaseMs: number
}

const MINUTE_MS = 60_000

/** Admits an attempt, which takes a slot and a share of the rate, or returns the reason to wait. A waiting attempt consumes nothing. */
export function admit(lane: Lane, limits: LaneLimits, { nowMs, inFlight, leaseMs }: LaneMoment): Admission {
  if (lane.circuit !== 'closed' && nowMs < lane.circuitUntilMs)
    return { kind: 'wait', lane, reason: 'circuit', untilMs: lane.circuitUntilMs }
  if (limits.concurrency !== null && inFlight >= limits.concurrency)
    return { kind: 'wait', lane, reason: 'concurrency', untilMs: null }
  const rateTatMs = spendRate(lane.rateTatMs, limits.ratePerMinute, nowMs)
  if (rateTatMs === null)
    return {
      kind: 'wait',
      lane,
      reason: 'rate',
      untilMs: rateOpensAtMs(lane.rateTatMs, limits.ratePerMinute),
    }
  // Unchanged lanes are not written.
  if (lane.circuit === 'closed' && rateTatMs === lane.rateTatMs) return { kind: 'go', lane }
  // The circuit's open time is over: this is the probe, the only one until it has ended or is considered lost.
  const probe =
    lane.circuit === 'closed' ? {} : ({ circuit: 'probing', circuitUntilMs: nowMs + leaseMs } as const)
  return { kind: 'go', lane: { ...lane, rateTatMs, ...probe } }
}

/** The number of waiting deliveries that may go now, and when to check again; 0 = when something ends. */
export function budget(
  lane: Lane,
  limits: LaneLimits,
  { nowMs, inFlight }: Pick<LaneMoment, 'nowMs' | 'inFlight'>,
  most: number,
): { readonly count: number; readonly againAtMs: number } {
  if (lane.circuit !== 'closed' && nowMs < lane.circuitUntilMs)
    return { count: 0, againAtMs: lane.circuitUntilMs }
  const free = limits.concurrency === null ? most : limits.concurrency - inFlight
  if (free <= 0) return { count: 0, againAtMs: 0 }
  const tokens = tokensOf(lane.rateTatMs, limits.ratePerMinute, nowMs)
  if (tokens === 0) return { count: 0, againAtMs: rateOpensAtMs(lane.rateTatMs, limits.ratePerMinute) }
  const allowed = Math.min(most, free, tokens, lane.circuit === 'closed' ? Number.POSITIVE_INFINITY : 1)
  const isRateBound = allowed === tokens && limits.ratePerMinute !== null
  const againAtMs = isRateBound
    ? nowMs + MINUTE_MS / (limits.ratePerMinute ?? 1)
    : allowed === most
      ? nowMs
      : 0
  return { count: allowed, againAtMs: Math.ceil(againAtMs) }
}

// A bucket of one minute's capacity, refilled evenly: the arrival time may be ahead of now by up to a minute.
function spendRate(tatMs: number, ratePerMinute: number | null, nowMs: number): number | null {
  if (ratePerMinute === null) return tatMs
  const next = Math.max(tatMs, nowMs) + MINUTE_MS / ratePerMinute
  return next - nowMs > MINUTE_MS + 0.001 ? null : next
}

function tokensOf(tatMs: number, ratePerMinute: number | null, nowMs: number): number {
  if (ratePerMinute === null) return Number.POSITIVE_INFINITY
  const roomMs = MINUTE_MS - (Math.max(tatMs, nowMs) - nowMs)
  return Math.max(0, Math.floor((roomMs * ratePerMinute) / MINUTE_MS + 1e-6))
}

const rateOpensAtMs = (tatMs: number, ratePerMinute: number | null): number =>
  Math.ceil(tatMs + MINUTE_MS / (ratePerMinute ?? MINUTE_MS) - MINUTE_MS)
