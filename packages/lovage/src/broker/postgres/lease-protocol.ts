import type { PostgresOptions } from '../../postgres-client/index.js'

/** A lease that the thread keeps. */
export interface KeptLease {
  readonly holder: string
  readonly leaseMs: number
  /** Unix ms at which it was renewed last. */
  readonly renewedMs: number
  /** How long the event loop may stand still before its leases are let go. */
  readonly maxBlockMs: number
}

/** What the thread starts with. */
export interface LeaseThreadData {
  readonly url: string
  readonly options: PostgresOptions
  /** Unix ms at which the main thread's event loop last turned: one BigInt64. */
  readonly pulse: SharedArrayBuffer
}

/** What the main thread says. */
export type LeaseRequest =
  | { readonly kind: 'keep'; readonly lease: KeptLease }
  | { readonly kind: 'release'; readonly holder: string }

/** The thread has renewed a lease for the first time, and goes on. */
export interface LeaseReport {
  readonly holder: string
}
