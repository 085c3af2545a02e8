/** How an enrichment ended: what it found was added, there was nothing to add, it failed, or it was switched off. */
export type EnrichmentOutcome = 'enriched' | 'no_data' | 'error' | 'disabled'

/** How the events of a type are enriched before they are delivered. */
export interface EnrichmentOptions<Data, Value> {
  /** Its name, and its task's unless `task` is given: `webhooks.enrich.<name>`. */
  readonly name: string
  /** The type of the events. */
  readonly type: string
  /** Name of its task. */
  readonly task?: string
  /** A queue of its own, so that a slow source holds up nothing else: give it workers of its own (`-Q`). */
  readonly queue: string
  /** Asks the source; null = it has nothing. Must end when `signal` is aborted. */
  readonly load: (data: Data, signal: AbortSignal) => Promise<Value | null>
  /** The data with what was found. */
  readonly merge: (data: Data, value: Value) => Data
  /** For the source to answer. Default 3,000. */
  readonly timeoutMs?: number
  /** What was found is kept under this key, for all processes; without it nothing is kept. */
  readonly key?: (data: Data) => string
  /** For how long what was found is kept, and that nothing was. Default 3,600. */
  readonly ttlS?: number
  /** For how long a failure is: the source is left alone meanwhile. Default 60. */
  readonly errorTtlS?: number
  /** Asked at each event: false sends it as it is. */
  readonly isEnabled?: () => boolean | Promise<boolean>
  /** Told of each event; for metrics. */
  readonly onOutcome?: (outcome: EnrichmentOutcome, cache: 'hit' | 'miss' | 'none') => void
}
