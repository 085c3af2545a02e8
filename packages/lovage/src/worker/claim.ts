import type { Outcome } from '../app/tasks/index.js'
import type { Delivery } from '../broker/index.js'
import type { Job } from './pools/job.js'
import type { Refused } from './refused.js'

/**
 * Where a claim stands: `taken` while its limits are asked, `queued` for a slot, `running` from its slot on, `ended` with an outcome that
 * the broker does not know yet, and then `settled`; or `returned`, to its queue or because another worker has it.
 */
export type ClaimState = 'taken' | 'queued' | 'running' | 'ended' | 'settled' | 'returned'

/** Why a claim left without an end: handed back by us, put off by its limits, or taken by another worker. */
export type ReturnReason = 'handed-back' | 'postponed' | 'lost'

/** A message that is ours, from its delivery to its end. `Claims` alone changes it. */
export interface Claim {
  readonly delivery: Delivery
  readonly job: Job
  /** Unix ms. */
  readonly receivedMs: number
  state: ClaimState
  /** Unix ms at which its run began; undefined before. */
  startedMs: number | undefined
  /** The same instant on the clock that never jumps, to measure the run by. */
  startedAt: number
  /** The process that runs it; undefined before. */
  pid: number | undefined
}

/** Whether it is in this worker's hands: neither ended nor returned. */
export const isHeld = ({ state }: Claim): boolean =>
  state === 'taken' || state === 'queued' || state === 'running'

/** Sees what becomes of claims. Called in the turn of the event loop in which it happens, so it must not throw. */
export interface ClaimObserver {
  /** A message was ended before it could run. A promise is awaited before the broker hears of it. */
  refused?(delivery: Delivery, why: Refused): Promise<void> | undefined
  /** It waits for a slot. */
  queued?(claim: Claim): void
  /** It was handed to the pool. */
  running?(claim: Claim): void
  /** Its code runs: at once, or as soon as its child has come to it. */
  begun?(claim: Claim): void
  /**
   * It has ended, without an outcome where it was revoked or came too late. A promise is awaited before the broker hears of it, and so
   * before anybody who waits for the result does.
   */
  ended?(claim: Claim, outcome: Outcome | undefined, runtimeMs: number): Promise<void> | undefined
  /** It is not ours any more. */
  returned?(claim: Claim, why: ReturnReason): void
}
