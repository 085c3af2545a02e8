/**
 * The state of a delivery (an event on its way to an endpoint): `pending` waits for its next attempt; `processing` has one under way;
 * `failed` waits for the sweeper's next; `held` waits for its endpoint to be enabled; `success`, `exhausted` and `cancelled` are final.
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
 * The reason a pending delivery is not attempted now; null = it waits only for its time. `commit`: it was written in the caller's
 * transaction and has no task yet.
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
  /** Scheduled attempts so far; manual replays are not counted. */
  readonly attempts: number
  /** When the next attempt is due; null in a final state. */
  readonly nextAttemptAtMs: number | null
  /** The outcome of the last attempt; null before the first. */
  readonly lastOutcome: OutcomeKind | null
  readonly lastStatus: number | null
  /** Of a test event: attempted once, never retried. */
  readonly isTest: boolean
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/**
 * The outcome of an attempt: `success` (2xx), `http` (another status), or the cause of a missing response: name resolution (`dns`), the
 * connection (`connect`), the certificate (`tls`), the timeout (`timeout`), our own address rules (`blocked`), a fault of ours
 * (`internal`).
 */
export type OutcomeKind = 'success' | 'http' | 'dns' | 'connect' | 'tls' | 'timeout' | 'blocked' | 'internal'

/** The trigger of an attempt. */
export type AttemptTrigger = 'schedule' | 'sweep' | 'replay' | 'test'

/** One request and its response. */
export interface Attempt {
  /** `att_…`. */
  readonly id: string
  readonly deliveryId: string
  readonly eventId: string
  readonly endpointId: string
  readonly tenant: string
  /** 1 for the first of the delivery's schedule; 0 for a replay, which is not part of it. */
  readonly number: number
  readonly trigger: AttemptTrigger
  readonly startedAtMs: number
  readonly durationMs: number
  readonly outcome: OutcomeKind
  /** HTTP status; null without a response. */
  readonly status: number | null
  /** The error, for people; null for a success. Never a body or a secret. */
  readonly error: string | null
  /** Selected response headers. */
  readonly responseHeaders: Readonly<Record<string, string>>
  readonly responseBody: CapturedBody | null
}

/** The beginning of a response body, truncated at the cap; base64 where it is not UTF-8. */
export interface CapturedBody {
  readonly encoding: 'utf8' | 'base64'
  readonly text: string
  readonly isTruncated: boolean
}
