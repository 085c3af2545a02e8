/**
 * Where a delivery (an event on its way to an endpoint) is:
 * `pending` waits for its next attempt; `processing` has one under way; `failed` waits for the sweeper's next;
 * `held` waits for its endpoint to be enabled; `success`, `exhausted` and `cancelled` are ends.
 */
export type DeliveryState =
  | 'pending'
  | 'processing'
  | 'failed'
  | 'held'
  | 'success'
  | 'exhausted'
  | 'cancelled'

/**
 * Why a pending delivery is not attempted now; null = nothing but its time keeps it. `commit`: it was written in a transaction of the caller's
 * and has no task yet.
 */
export type WaitReason = 'circuit' | 'rate' | 'concurrency' | 'order' | 'commit' | null

/** An event on its way to one endpoint. */
export interface Delivery {
  /** `dlv_…`. */
  readonly id: string
  readonly tenant: string
  readonly eventId: string
  readonly endpointId: string
  readonly eventType: string
  readonly state: DeliveryState
  readonly waitsFor: WaitReason
  /** Attempts of the schedule so far; those of a manual resend are not counted. */
  readonly attempts: number
  /** When the next attempt is due; null in an end. */
  readonly nextAttemptAtMs: number | null
  /** How the last attempt ended; null before the first. */
  readonly lastOutcome: OutcomeKind | null
  readonly lastStatus: number | null
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/**
 * How an attempt ended: `success` (2xx), `http` (another status), or what kept it from an answer: the name (`dns`), the address
 * (`connect`), the certificate (`tls`), the time (`timeout`), our own rules about addresses (`blocked`), a fault of ours (`internal`).
 */
export type OutcomeKind = 'success' | 'http' | 'dns' | 'connect' | 'tls' | 'timeout' | 'blocked' | 'internal'

/** What made an attempt happen. */
export type AttemptTrigger = 'schedule' | 'sweep' | 'replay' | 'test'

/** One request, and what came back. */
export interface Attempt {
  /** `att_…`. */
  readonly id: string
  readonly deliveryId: string
  readonly eventId: string
  readonly endpointId: string
  readonly tenant: string
  /** 1 for the first of the delivery's schedule; 0 for a replay, which is no part of it. */
  readonly number: number
  readonly trigger: AttemptTrigger
  readonly startedAtMs: number
  readonly durationMs: number
  readonly outcome: OutcomeKind
  /** HTTP status; null where no answer came. */
  readonly status: number | null
  /** What went wrong, for people; null for a success. Never a body or a secret. */
  readonly error: string | null
  /** Chosen headers of the answer. */
  readonly responseHeaders: Readonly<Record<string, string>>
  readonly responseBody: CapturedBody | null
}

/** The begin of an answer's body, cut off at the cap; base64 where it is not UTF-8. */
export interface CapturedBody {
  readonly encoding: 'utf8' | 'base64'
  readonly text: string
  readonly isTruncated: boolean
}
