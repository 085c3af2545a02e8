/** A lease that is kept. */
export interface KeptLease {
  readonly holder: string
  readonly leaseMs: number
  /** Pause between renewals. */
  readonly renewMs: number
  /** How long the event loop may be blocked before its leases are released. */
  readonly maxBlockMs: number
}

/** The initial data of every thread that renews leases. */
export interface LeaseThreadData {
  /** Unix ms at which the main thread's event loop last turned: one BigInt64. */
  readonly pulse: SharedArrayBuffer
}

/** What a keeper of leases asks for. */
export type LeaseChange =
  /** `renewedMs` is the time of its last renewal, Unix ms. */
  | { readonly kind: 'keep'; readonly lease: KeptLease; readonly renewedMs: number }
  | { readonly kind: 'release'; readonly holder: string }

/** Messages from the main thread; `keeper` numbers those who share the thread. */
export type LeaseRequest =
  /** The first of a keeper: `data` is its driver's. */
  | { readonly kind: 'open'; readonly keeper: number; readonly data: object }
  | (LeaseChange & { readonly keeper: number })
  /** The last. */
  | { readonly kind: 'close'; readonly keeper: number }

/** The thread has renewed a lease for the first time, and continues. */
export interface LeaseReport {
  readonly keeper: number
  readonly holder: string
}
