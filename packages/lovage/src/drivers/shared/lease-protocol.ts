/** A lease that is kept. */
export interface KeptLease {
  readonly holder: string
  readonly leaseMs: number
  /** Pause between renewals. */
  readonly renewMs: number
  /** How long the event loop may stand still before its leases are let go. */
  readonly maxBlockMs: number
}

/** What every thread that renews leases starts with, beside its driver's own. */
export interface LeaseThreadData {
  /** Unix ms at which the main thread's event loop last turned: one BigInt64. */
  readonly pulse: SharedArrayBuffer
}

/** What the main thread says. */
export type LeaseRequest =
  /** `renewedMs` is when it was renewed last, Unix ms. */
  | { readonly kind: 'keep'; readonly lease: KeptLease; readonly renewedMs: number }
  | { readonly kind: 'release'; readonly holder: string }

/** The thread has renewed a lease for the first time, and goes on. */
export interface LeaseReport {
  readonly holder: string
}
