import { together } from 'lovage'
import { type AttemptTrigger, crashPoint, type DeliveryState } from '../domain/index.js'
import { planNext, type RetrySchedule } from '../plan/index.js'
import {
  type AttemptRecord,
  type Claim,
  type ClaimedDelivery,
  type ClaimRequest,
  type DeliveryStore,
  NOTICE_TYPES,
  type Notice,
  type Released,
} from '../store/index.js'
import type { Attempted, Attempter } from './attempter.js'

/** The parts of a deliverer. */
export interface DelivererParts {
  readonly deliveries: DeliveryStore
  readonly attempter: Attempter
  readonly schedule: RetrySchedule
  readonly now: () => number
  readonly random: () => number
  /** Added to an endpoint's timeout: until then no other task takes the delivery over. */
  readonly leaseMs: number
  /** Publishes tasks for released deliveries, and schedules lane checks. */
  readonly onReleased: (released: Released) => Promise<void>
  readonly onAttempt: (attempted: Attempted, next: AttemptRecord['next']) => void
}

/** The outcome of a task run. */
export type Delivered =
  | {
      readonly kind: 'attempted'
      readonly attempted: Attempted
      readonly state: DeliveryState
      readonly retryAtMs: number | null
    }
  | { readonly kind: 'later'; readonly atMs: number }
  | { readonly kind: 'nothing'; readonly state: DeliveryState | 'waiting' | 'busy' | 'missing' }

/** A test event: whoever sends it looks at its outcome, and sends another. */
const ONCE = { taskRetries: 0, sweepDelaysMs: [] } as const

/** Takes deliveries from the store to their endpoints, one attempt per call; concurrent claims and records are batched. */
export class Deliverer {
  readonly #parts: DelivererParts
  readonly #claim: (request: ClaimRequest) => Promise<Claim>
  readonly #record: (record: AttemptRecord) => Promise<void>

  constructor(parts: DelivererParts) {
    this.#parts = parts
    const { deliveries, now, leaseMs } = parts
    this.#claim = together((requests) => deliveries.claim(requests, now(), leaseMs))
    this.#record = together(async (records) => {
      const released = await deliveries.record(records, now())
      crashPoint('webhook:after-record')
      await parts.onReleased(released)
      return records.map(() => undefined)
    })
  }

  /** Makes one scheduled attempt, if it may be made now. `claimant` is the task's id. */
  async deliver(
    deliveryId: string,
    claimant: string,
    trigger: AttemptTrigger,
    signal?: AbortSignal,
  ): Promise<Delivered> {
    const claim = await this.#claim({ deliveryId, claimant })
    switch (claim.kind) {
      case 'claimed':
        return this.#attempt(claim.claimed, claimant, trigger, signal)
      case 'waits':
        if (claim.wakeAtMs !== null)
          await this.#parts.onReleased({
            deliveryIds: [],
            wakes: [{ endpointId: claim.endpointId, atMs: claim.wakeAtMs }],
            notices: [],
          })
        return { kind: 'nothing', state: 'waiting' }
      case 'early':
        return { kind: 'later', atMs: claim.untilMs }
      case 'busy':
      case 'missing':
        return { kind: 'nothing', state: claim.kind }
      case 'over':
        return { kind: 'nothing', state: claim.state }
    }
  }

  /** Makes one more attempt in any delivery state; it changes nothing except as stated for `replayed`. */
  async replay(deliveryId: string, claimant: string, signal?: AbortSignal): Promise<Delivered> {
    const claimed = await this.#parts.deliveries.peek(deliveryId)
    if (!claimed) return { kind: 'nothing', state: 'missing' }
    const attempted = await this.#parts.attempter.attempt(claimed, 'replay', signal)
    crashPoint('webhook:after-post')
    this.#parts.onAttempt(attempted, null)
    await this.#record({ attempt: attempted.attempt, claimant, next: null, isGone: false, notices: [] })
    return { kind: 'attempted', attempted, state: claimed.delivery.state, retryAtMs: null }
  }

  async #attempt(
    claimed: ClaimedDelivery,
    claimant: string,
    trigger: AttemptTrigger,
    signal?: AbortSignal,
  ): Promise<Delivered> {
    crashPoint('webhook:after-claim')
    const { attempter, schedule, now, random } = this.#parts
    const { isTest } = claimed.delivery
    const attempted = await attempter.attempt(claimed, isTest ? 'test' : trigger, signal)
    crashPoint('webhook:after-post')
    const { outcome, status } = attempted.attempt
    const next = planNext(
      {
        number: claimed.number,
        outcome,
        status,
        retryAfter: attempted.retryAfter,
        permanentStatuses: claimed.endpoint.permanentStatuses,
      },
      isTest ? { ...schedule, ...ONCE } : schedule,
      now(),
      random,
    )
    this.#parts.onAttempt(attempted, next)
    const notices = noticesOf(claimed, next.state, schedule, now())
    const { concurrency, order } = claimed.endpoint
    await this.#record({
      attempt: attempted.attempt,
      claimant,
      next,
      isGone: next.isGone,
      isUnlimited: concurrency === null && order === 'none',
      notices,
    })
    crashPoint('webhook:after-release')
    return {
      kind: 'attempted',
      attempted,
      state: next.state,
      retryAtMs: next.state === 'pending' ? next.nextAttemptAtMs : null,
    }
  }
}

/** The notices that an attempt causes for its message. Notices themselves and test events cause none. */
function noticesOf(
  { delivery, number }: ClaimedDelivery,
  state: DeliveryState,
  { taskRetries }: RetrySchedule,
  atMs: number,
): readonly Notice[] {
  if (delivery.isTest || NOTICE_TYPES.some((type) => type === delivery.eventType)) return []
  const { tenant, endpointId, eventId, id: deliveryId } = delivery
  const of = { tenant, endpointId, eventId, deliveryId, attempts: number, atMs }
  if (state === 'exhausted') return [{ type: 'message.attempt.exhausted', ...of }]
  if (state === 'failed' && number === taskRetries + 1) return [{ type: 'message.attempt.failing', ...of }]
  if (state === 'success' && number > taskRetries + 1) return [{ type: 'message.attempt.recovered', ...of }]
  return []
}
