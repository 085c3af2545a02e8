/** An event. Its body is stored separately, once, as bytes. */
export interface WebhookEvent {
  /** `msg_…` or the caller's own; the `webhook-id` of every attempt. */
  readonly id: string
  readonly tenant: string
  readonly type: string
  /** Deliveries with one key to an endpoint with `order: 'key'` go one at a time. */
  readonly orderingKey: string | null
  /** A business key: a second event with the same key, in the same tenant, is a duplicate of the first. */
  readonly dedupKey: string | null
  readonly bodyBytes: number
  /** When it was stored, in milliseconds since 1970. */
  readonly createdAtMs: number
}

/** The options of sending an event. */
export interface SendOptions {
  /** Default `default`. */
  readonly tenant?: string
  /**
   * The caller's own id: letters, digits, `_`, `-`, at most 100 characters; generated when absent. The same id with the same body is
   * the same event.
   */
  readonly id?: string
  readonly orderingKey?: string
  readonly dedupKey?: string
  /** Sends to this endpoint only, regardless of its event types. */
  readonly endpointId?: string
  /** The caller's transaction on the store's PostgreSQL database: event, deliveries and task exist if, and as soon as, it commits. */
  readonly transaction?: CallerTransaction
}

/** Anything that runs statements in a transaction, such as a `pg` client after `BEGIN`. */
export interface CallerTransaction {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>
}

/** The outcome of `send`. */
export interface SentEvent {
  readonly event: WebhookEvent
  /** Ids of the deliveries created, one for each receiving endpoint. */
  readonly deliveryIds: readonly string[]
  /** Whether it existed already, by its id or its key: nothing was added. */
  readonly isDuplicate: boolean
}
