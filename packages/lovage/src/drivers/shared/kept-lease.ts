import type { ConsumeOptions } from '../../broker/index.js'
import type { KeptLease } from './lease-protocol.js'

/** How long the event loop may be blocked before its tasks go to others, when the worker does not specify it. */
const MAX_BLOCK_MS = 600_000

/** A server may be busy for this long, however short the lease. */
export const SHORTEST_SILENCE_MS = 2_000

/** The lease of a consumer; `renewMs` is the pause between renewals. */
export function keptLease({ holder, leaseMs, maxBlockMs }: ConsumeOptions, renewMs: number): KeptLease {
  return { holder, leaseMs, renewMs, maxBlockMs: maxBlockMs ?? MAX_BLOCK_MS }
}
