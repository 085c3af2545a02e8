import type { Unsubscribe } from '../kernel/index.js'

/**
 * A granted lease. `token` grows with every grant of a name, so that a stale holder can be refused. A store starts from its own time of
 * day in Unix ms, so that tokens keep growing even if the store was emptied in between.
 */
export interface LeaseGrant {
  readonly token: bigint
  /** Unix ms. */
  readonly expiresMs: number
}

/** A request for one turn under a rate limit (GCRA): the answer is the time of the turn. */
export interface RateRequest {
  readonly key: string
  /** Milliseconds between two turns. */
  readonly intervalMs: number
  /** Turns that may be taken at once after an idle period; 1 spaces them evenly. */
  readonly burst: number
}

/** A request for one turn under a rate limit, granted now or not at all. */
export interface TurnRequest {
  readonly key: string
  /** Milliseconds between two turns. */
  readonly intervalMs: number
  /** Milliseconds for which the turn must have been free, at most 1000. Default 0. */
  readonly idleMs?: number
}

/** A request for one of `limit` slots. */
export interface SlotRequest {
  readonly key: string
  readonly member: string
  readonly limit: number
  /** The slot is released after this long without renewal. */
  readonly ttlMs: number
}

/** A named fact that may expire: a revoked id, a paused queue, a unique key and its owner. */
export interface Mark {
  readonly key: string
  readonly value: string
  /** Unix ms; absent = until removed. */
  readonly expiresMs?: number
}

/** A mark that replaces another, if the other still stands. */
export interface MarkReplacement {
  /** The value expected under the mark's key; if equal to the new value, only the expiry changes. */
  readonly was: string
  readonly mark: Mark
}

/** The value of a key that an open transaction may set; its outcome is unknown until the commit. */
export const OPEN_KEY = ''

/** A transaction of the caller, as the object that runs its statements. */
export interface CallersTransaction {
  query(statement: string, values: unknown[]): PromiseLike<unknown>
}

/** Receives the keys of marks that were set or removed; undefined = any may have been. */
export type MarkListener = (keys?: readonly string[]) => void

/** Shared state beyond messages and results: leases, rates, slots and marks. Every call is atomic; lists are one round trip. */
export interface CoordinationStore {
  readonly kind: string
  /** Takes the lease if it is free, or renews it if `holder` already has it (same token). */
  acquire(name: string, holder: string, ttlMs: number): Promise<LeaseGrant | undefined>
  /** Releases a lease; a stale token changes nothing. */
  release(name: string, token: bigint): Promise<void>
  /** Takes the turns; returns the time of each in Unix ms; now or earlier = at once. */
  takeTurns(requests: readonly RateRequest[]): Promise<readonly number[]>
  /**
   * Takes the turns of each group, with different keys, if all of them are available now, and none otherwise. Returns for each the
   * milliseconds until it is available: all zeros for a group that was taken.
   */
  tryTurns(groups: readonly (readonly TurnRequest[])[]): Promise<readonly (readonly number[])[]>
  /** Takes a slot, or renews that of a current member. Returns for each request whether it has one. */
  enter(requests: readonly SlotRequest[]): Promise<readonly boolean[]>
  leave(places: readonly { readonly key: string; readonly member: string }[]): Promise<void>
  /**
   * Sets marks; with `ifAbsent` a live mark wins. Returns the marks as they now stand; a key that an open transaction is about to set
   * (`within`) has the value OPEN_KEY, and is left alone.
   */
  put(
    space: string,
    marks: readonly Mark[],
    options?: { readonly ifAbsent?: boolean },
  ): Promise<readonly Mark[]>
  /** Sets marks, with different keys, whose key still has the expected value. Returns for each whether it did. */
  replace(space: string, replacements: readonly MarkReplacement[]): Promise<readonly boolean[]>
  /** Returns the live marks among `keys`, or all. */
  list(space: string, keys?: readonly string[]): Promise<readonly Mark[]>
  /** Removes marks; with `value`, only while it still has that value. Returns how many. */
  remove(space: string, marks: readonly { readonly key: string; readonly value?: string }[]): Promise<number>
  /**
   * Calls `on` soon after marks of the space changed, with their keys, so that a subscriber reads only the changes; without keys when any
   * may have changed. Expiry does not count as a change.
   */
  watch(space: string, on: MarkListener): Unsubscribe
  /**
   * The same in a caller's transaction on the store's own database: what it sets or removes counts if, and as soon as, that commits.
   * It waits for no other transaction. Absent where the store is no such database.
   */
  within?(transaction: CallersTransaction): Pick<CoordinationStore, 'put' | 'remove'>
  close(): Promise<void>
}
