import type { Unsubscribe } from '../kernel/index.js'

/**
 * A lease that was granted. `token` grows with every grant of a name, so that a stale holder can be refused; a store
 * begins with its own time of day in Unix ms, so that it grows also when the store was emptied in between.
 */
export interface LeaseGrant {
  readonly token: bigint
  /** Unix ms. */
  readonly expiresMs: number
}

/** A wish for one turn under a rate: GCRA, so the answer is the time at which the turn is ours. */
export interface RateRequest {
  readonly key: string
  /** Milliseconds between two turns. */
  readonly intervalMs: number
  /** Turns that may be taken at once after idleness; 1 spaces them evenly. */
  readonly burst: number
}

/** A wish for one turn under a rate that is had now, or not at all. */
export interface TurnRequest {
  readonly key: string
  /** Milliseconds between two turns. */
  readonly intervalMs: number
  /** For how long the turn must have been free, at most 1000. Default 0. */
  readonly idleMs?: number
}

/** A wish for a place among `limit`. */
export interface SlotRequest {
  readonly key: string
  readonly member: string
  readonly limit: number
  /** The place is free again after this long without renewal. */
  readonly ttlMs: number
}

/** A named fact with an end: a revoked id, a paused queue, a unique key and its owner. */
export interface Mark {
  readonly key: string
  readonly value: string
  /** Unix ms; absent = until removed. */
  readonly expiresMs?: number
}

/** A mark that takes another's place, if that is still there. */
export interface MarkReplacement {
  /** The value that must stand under the mark's key; the same as the mark's own only moves its end. */
  readonly was: string
  readonly mark: Mark
}

/** Hears which marks were set or removed; undefined = any may have been. */
export type MarkListener = (keys?: readonly string[]) => void

/** What processes agree on beside messages and results. Every call is atomic; lists are one round trip. */
export interface CoordinationStore {
  readonly kind: string
  /** Takes the lease if it is free, or renews it when `holder` has it already (same token). */
  acquire(name: string, holder: string, ttlMs: number): Promise<LeaseGrant | undefined>
  /** Gives a lease back; a stale token changes nothing. */
  release(name: string, token: bigint): Promise<void>
  /** For each request the Unix ms at which its turn comes; now or earlier = at once. The turns are taken. */
  takeTurns(requests: readonly RateRequest[]): Promise<readonly number[]>
  /**
   * Takes the turns of each group, of different keys, if all of them can be had now, and none of them otherwise. For each the
   * milliseconds until it could be had: a group that was taken has zeros alone.
   */
  tryTurns(groups: readonly (readonly TurnRequest[])[]): Promise<readonly (readonly number[])[]>
  /** Enters, or renews the place of a member that is in. For each request whether it is in. */
  enter(requests: readonly SlotRequest[]): Promise<readonly boolean[]>
  leave(places: readonly { readonly key: string; readonly member: string }[]): Promise<void>
  /** Sets marks; with `ifAbsent` a living mark wins. Answers with the marks that stand now. */
  put(
    space: string,
    marks: readonly Mark[],
    options?: { readonly ifAbsent?: boolean },
  ): Promise<readonly Mark[]>
  /** Sets marks, of different keys, whose key still has the value that it had. For each whether it had. */
  replace(space: string, replacements: readonly MarkReplacement[]): Promise<readonly boolean[]>
  /** The living marks among `keys`, or all. */
  list(space: string, keys?: readonly string[]): Promise<readonly Mark[]>
  /** Removes marks; with `value` only when it is still that value. Tells how many. */
  remove(space: string, marks: readonly { readonly key: string; readonly value?: string }[]): Promise<number>
  /**
   * Calls `on` soon after marks of the space changed, with their keys, so that a follower reads what changed and not all that is
   * remembered; without keys when any may have. A mark that ends by itself is no change.
   */
  watch(space: string, on: MarkListener): Unsubscribe
  close(): Promise<void>
}
