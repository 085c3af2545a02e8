/**
 * What the fleet remembers of the way to an endpoint, beside its settings: how its last attempts ended, whether its circuit is open, what of
 * its rate is used. It is read and written under a lock, by the pure functions of this room.
 */
export interface Lane {
  readonly endpointId: string
  /** The last attempts, oldest first: `1` arrived, `0` failed. */
  readonly window: string
  readonly circuit: 'closed' | 'open' | 'probing'
  /** `open`: when a probe may go. `probing`: when it is taken for lost. Else 0. */
  readonly circuitUntilMs: number
  /** Theoretical arrival time of the rate limit (GCRA): what lies in the future is used up. */
  readonly rateTatMs: number
  /** Since when it does nothing but fail; null = its last attempt arrived. */
  readonly failingSinceMs: number | null
  /** Of the time until it is disabled, the part at which was warned last: 0, 50, 70, 90. */
  readonly warnedPercent: number
  /** Whether deliveries may wait for a place in it. */
  readonly hasWaiting: boolean
  /** For when a look at it is arranged; 0 = none is. */
  readonly wakeAtMs: number
}

/** A lane of which nothing is known yet. */
export const newLane = (endpointId: string): Lane => ({
  endpointId,
  window: '',
  circuit: 'closed',
  circuitUntilMs: 0,
  rateTatMs: 0,
  failingSinceMs: null,
  warnedPercent: 0,
  hasWaiting: false,
  wakeAtMs: 0,
})

/** What an endpoint allows. */
export interface LaneLimits {
  readonly ratePerMinute: number | null
  readonly concurrency: number | null
}

/** When a circuit opens, and when an endpoint is given up. */
export interface LaneRules {
  /** Attempts that are looked at. Default 20. */
  readonly circuitWindow: number
  /** Fewer than these open nothing. Default 10. */
  readonly circuitMinimum: number
  /** Part of them that has failed. Default 0.5. */
  readonly circuitRatio: number
  /** For how long it is open before a probe goes. Default 60,000. */
  readonly circuitOpenMs: number
  /** An endpoint that did nothing but fail for so long is disabled; 0 = never. Default 5 days. */
  readonly disableAfterMs: number
}

export const DEFAULT_LANE_RULES: LaneRules = {
  circuitWindow: 20,
  circuitMinimum: 10,
  circuitRatio: 0.5,
  circuitOpenMs: 60_000,
  disableAfterMs: 5 * 86_400_000,
}
