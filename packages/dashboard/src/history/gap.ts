/** A period in which the history may be incomplete. */
export interface Gap {
  /** Unix ms. */
  readonly fromMs: number
  /** Unix ms; null while ongoing. */
  readonly toMs: number | null
  /**
   * The dashboard was down or stood still, the broker or the store was unreachable, the broker cut the connection, or events came faster
   * than they could be stored.
   */
  readonly reason: 'down' | 'held-up' | 'broker-lost' | 'store-lost' | 'cut-off' | 'too-fast'
  /** The number of lost events; null when unknown. */
  readonly lostEvents: number | null
  /** Tasks recovered from results, queues and dead letters. */
  readonly filled: number
}
