import type { Outcome } from '../app/tasks/index.js'
import type { Delivery } from '../broker/index.js'
import type { Job } from './pools/job.js'
import type { Refused } from './refused.js'

/**
 * The state of a claim: `taken` while its limits are checked, `queued` for a slot, `running` once it has one, `ended` with an outcome that
 * the broker does not know yet, and then `settled`; or `returned`, to its queue or because another worker has it.
 */
export type ClaimState = 'taken' | 'queued' | 'running' | 'ended' | 'settled' | 'returned'

/** Why a claim left without an outcome: handed back by us, put off by its limits, or taken by another worker. */
export type ReturnReason = 'handed-back' | 'postponed' | 'lost'

/** A message that this worker owns, from its delivery to its end. Only `Claims` changes it. */
export interface Claim {
  readonly delivery: Delivery
  readonly job: Job
  /** Unix ms. */
  readonly receivedMs: number
  state: ClaimState
  /** Unix ms at which its run started; undefined before. */
  startedMs: number | undefined
  /** The same instant on the monotonic clock, to measure the run. */
  startedAt: number
  /** The process that runs it; undefined before. */
  pid: number | undefined
}

/** Whether it is in this worker's hands: neither ended nor returned. */
export const isHeld = ({ state }: Claim): boolean =>
  state === 'taken' || state === 'queued' || state === 'running'

/** Observes claims. Called in the turn of the event loop in which the change happens, so it must not throw. */
export interface ClaimObserver {
  /** A message was ended before it could run. A returned promise is awaited before the broker is told. */
  refused?(delivery: Delivery, why: Refused): Promise<void> | undefined
  /** It waits for a slot. */
  queued?(claim: Claim): void
  /** It was handed to the pool. */
  running?(claim: Claim): void
  /** Its code runs: at once, or as soon as its child has reached it. */
  begun?(claim: Claim): void
  /**
   * It has ended, without an outcome if it was revoked or expired. A returned promise is awaited before the broker is told, and so
   * before callers waiting for the result are notified.
   */
  ended?(claim: Claim, outcome: Outcome | undefined, runtimeMs: number): Promise<void> | undefined
  /** It is no longer ours. */
  returned?(claim: Claim, why: ReturnReason): void
}
