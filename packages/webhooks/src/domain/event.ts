/** Something that happened and is told. Its body lies apart, as bytes, once. */
export interface WebhookEvent {
  /** `msg_…` or the caller's own; the `webhook-id` of every attempt. */
  readonly id: string
  readonly tenant: string
  readonly type: string
  /** Deliveries of one key to an endpoint with `order: 'key'` go one after the other. */
  readonly orderingKey: string | null
  /** A business key: a second event of it, in the same tenant, is the first. */
  readonly dedupKey: string | null
  readonly bodyBytes: number
  /** When it was stored, in milliseconds since 1970. */
  readonly createdAtMs: number
}

/** How an event is sent. */
export interface SendOptions {
  /** Default `default`. */
  readonly tenant?: string
  /** The caller's own id, letters, digits, `.`, `_`, `-`, at most 100; made when absent. The same id with the same body is the same event. */
  readonly id?: string
  readonly orderingKey?: string
  readonly dedupKey?: string
  /** To this endpoint alone, whatever its event types. */
  readonly endpointId?: string
  /**
   * A transaction of the caller's on the PostgreSQL database of the store: event, deliveries and task exist if, and as soon as, it
   * is committed.
   */
  readonly transaction?: CallerTransaction
}

/** Anything that runs statements in a transaction, as a client of `pg` after `BEGIN` does. */
export interface CallerTransaction {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>
}

/** What became of a call of `send`. */
export interface SentEvent {
  readonly event: WebhookEvent
  /** Ids of the deliveries it made, one for each endpoint that takes it. */
  readonly deliveryIds: readonly string[]
  /** It was there already, by its id or its key: nothing was added. */
  readonly isDuplicate: boolean
}
