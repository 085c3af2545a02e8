/** The outcome of an enrichment: data was added, there was nothing to add, it failed, or it was disabled. */
export type EnrichmentOutcome = 'enriched' | 'no_data' | 'error' | 'disabled'

/** The options for enriching events of a type before delivery. */
export interface EnrichmentOptions<Data, Value> {
  /** Its name, and its task's unless `task` is given: `webhooks.enrich.<name>`. */
  readonly name: string
  /** The type of the events. */
  readonly type: string
  /** Name of its task. */
  readonly task?: string
  /**
   * A separate queue for its task, so that a slow source delays nothing else: give it its own workers (`-Q`). Without one there is no such
   * task, and one of your own calls `apply`.
   */
  readonly queue?: string
  /** Queries the source; null = nothing found. Must end when `signal` is aborted. */
  readonly load: (data: Data, signal: AbortSignal) => Promise<Value | null>
  /** Merges the found value into the data. */
  readonly merge: (data: Data, value: Value) => Data
  /** The source's timeout. Default 3,000. */
  readonly timeoutMs?: number
  /** The cache key of the result, shared by all processes; without it nothing is cached. */
  readonly key?: (data: Data) => string
  /** How long a result, or its absence, is cached. Default 3,600. */
  readonly ttlS?: number
  /** How long a failure is cached: the source is not queried meanwhile. Default 60. */
  readonly errorTtlS?: number
  /** Called for each event: false sends it unchanged. */
  readonly isEnabled?: () => boolean | Promise<boolean>
  /** Called for each event, for metrics. */
  readonly onOutcome?: (outcome: EnrichmentOutcome, cache: 'hit' | 'miss' | 'none') => void
}
