/** A lease that is kept. */
export interface KeptLease {
  readonly holder: string
  readonly leaseMs: number
  /** Pause between renewals. */
  readonly renewMs: number
  /** How long the event loop may be blocked before its leases are released. */
  readonly maxBlockMs: number
}

/** The initial data of every thread that renews leases, in addition to its driver's own. */
export interface LeaseThreadData {
  /** Unix ms at which the main thread's event loop last turned: one BigInt64. */
  readonly pulse: SharedArrayBuffer
}

/** Messages from the main thread. */
export type LeaseRequest =
  /** `renewedMs` is the time of its last renewal, Unix ms. */
  | { readonly kind: 'keep'; readonly lease: KeptLease; readonly renewedMs: number }
  | { readonly kind: 'release'; readonly holder: string }

/** The thread has renewed a lease for the first time, and continues. */
export interface LeaseReport {
  readonly holder: string
}
