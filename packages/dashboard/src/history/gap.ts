/** A time of which the history may not have everything. */
export interface Gap {
  /** Unix ms. */
  readonly fromMs: number
  /** Unix ms; null while it lasts. */
  readonly toMs: number | null
  /** The dashboard was down, the broker was away, or events came faster than they could be kept. */
  readonly reason: 'down' | 'broker-lost' | 'store-lost' | 'too-fast'
  /** Events that are known to be lost; null when nobody can know. */
  readonly lostEvents: number | null
  /** Tasks that were found again in results, queues and dead letters. */
  readonly filled: number
}
