import type { Lane, LaneLimits } from './lane.js'

/** What a lane says to one more attempt. */
export type Admission =
  | { readonly kind: 'go'; readonly lane: Lane }
  | {
      readonly kind: 'wait'
      readonly lane: Lane
      readonly reason: 'circuit' | 'rate' | 'concurrency'
      /** When it is worth asking again; null = when one of those that are under way has ended. */
      readonly untilMs: number | null
    }

/** How things are at the moment. */
export interface LaneMoment {
  readonly nowMs: number
  /** Attempts under way at this endpoint, in the fleet. */
  readonly inFlight: number
  /** After which an attempt that is not heard of is taken for lost. */
  readonly leaseMs: number
}

const MINUTE_MS = 60_000

/** Lets an attempt go, which takes its place and its part of the rate; or says what it waits for. Nothing is spent on one that waits. */
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
  // The circuit's time is over: this is the probe, and the only one until it has ended or is taken for lost.
  const probe =
    lane.circuit === 'closed' ? {} : ({ circuit: 'probing', circuitUntilMs: nowMs + leaseMs } as const)
  return { kind: 'go', lane: { ...lane, rateTatMs, ...probe } }
}

/** How many of those that wait may go now, and when to look again; 0 = when something ends. */
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

// A bucket of a minute's worth that is refilled evenly: the arrival time may be ahead of now by up to a minute.
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
