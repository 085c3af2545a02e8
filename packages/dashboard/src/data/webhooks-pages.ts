import type { WebhookAttempt, WebhookDelivery, WebhookEndpoint } from '../webhooks/webhooks-port.js'

/** An endpoint in a list. */
export interface EndpointLine {
  readonly id: string
  readonly url: string
  readonly description: string
  readonly eventTypes: readonly string[]
  /** `failing`: its newest attempt failed, or it was disabled for failing; `disabled` by hand; `idle`: nothing was sent yet. */
  readonly state: 'failing' | 'disabled' | 'working' | 'idle'
  readonly disabledReason: string | null
  /** Of the newest `attempts` attempts. */
  readonly failed: number
  readonly attempts: number
  /** Deliveries that are not through, and those that were given up or cancelled; at most `COUNTED`. */
  readonly unfinished: number
  readonly lost: number
  readonly lastAttemptMs: number | null
  /** What went wrong in the newest attempt; null when it succeeded. */
  readonly lastError: string | null
}

/** The webhooks page: endpoints, failing ones first. */
export interface WebhooksPage {
  /** False when this dashboard watches no webhooks. */
  readonly isWatched: boolean
  /** Why they cannot be read. */
  readonly trouble: string | null
  readonly tenant: string
  readonly items: readonly EndpointLine[]
  /** Whether these are all endpoints of the tenant. */
  readonly isWhole: boolean
}

/** The page of an endpoint. */
export interface WebhookPage {
  readonly tenant: string
  readonly line: EndpointLine
  readonly endpoint: WebhookEndpoint
  readonly state: string | null
  /** Newest first. */
  readonly deliveries: readonly WebhookDelivery[]
  readonly next: string | null
}

/** The page of a delivery, with its attempts, newest first. */
export interface WebhookDeliveryPage {
  readonly tenant: string
  readonly delivery: WebhookDelivery
  readonly url: string | null
  readonly attempts: readonly WebhookAttempt[]
  /** Whether these are all of them. */
  readonly isWhole: boolean
}
