/**
 * The fleet's shared state for an endpoint, apart from its settings: the outcomes of its last attempts, its circuit, its used rate. It is
 * read and written under a lock, by the pure functions in this folder.
 */
export interface Lane {
  readonly endpointId: string
  /** The last attempts, oldest first: `1` arrived, `0` failed. */
  readonly window: string
  readonly circuit: 'closed' | 'open' | 'probing'
  /** `open`: when a probe may go. `probing`: when the probe is considered lost. Else 0. */
  readonly circuitUntilMs: number
  /** Theoretical arrival time of the rate limit (GCRA): the part in the future is used up. */
  readonly rateTatMs: number
  /** Since when every attempt has failed; null = the last attempt arrived. */
  readonly failingSinceMs: number | null
  /** The last warning, in percent of the time until it is disabled: 0, 50, 70, 90. */
  readonly warnedPercent: number
  /** Whether deliveries may be waiting for it. */
  readonly hasWaiting: boolean
  /** When the next check is scheduled; 0 = none. */
  readonly wakeAtMs: number
}

/** A lane without any history. */
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

/** An endpoint's limits. */
export interface LaneLimits {
  readonly ratePerMinute: number | null
  readonly concurrency: number | null
}

/** The rules for opening a circuit, and for disabling an endpoint. */
export interface LaneRules {
  /** The number of attempts considered. Default 20. */
  readonly circuitWindow: number
  /** The minimum number of attempts to open the circuit. Default 10. */
  readonly circuitMinimum: number
  /** The failure ratio that opens it. Default 0.5. */
  readonly circuitRatio: number
  /** How long it stays open before a probe. Default 60,000. */
  readonly circuitOpenMs: number
  /** An endpoint whose attempts all failed for this long is disabled; 0 = never. Default 5 days. */
  readonly disableAfterMs: number
}

export const DEFAULT_LANE_RULES: LaneRules = {
  circuitWindow: 20,
  circuitMinimum: 10,
  circuitRatio: 0.5,
  circuitOpenMs: 60_000,
  disableAfterMs: 5 * 86_400_000,
}
