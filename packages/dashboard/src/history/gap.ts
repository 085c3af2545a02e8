/** A period in which the history may be incomplete. */
export interface Gap {
  /** Unix ms. */
  readonly fromMs: number
  /** Unix ms; null while ongoing. */
  readonly toMs: number | null
  /** The dashboard was down, the broker or the store was unreachable, or events came faster than they could be stored. */
  readonly reason: 'down' | 'broker-lost' | 'store-lost' | 'too-fast'
  /** The number of lost events; null when unknown. */
  readonly lostEvents: number | null
  /** Tasks recovered from results, queues and dead letters. */
  readonly filled: number
}
