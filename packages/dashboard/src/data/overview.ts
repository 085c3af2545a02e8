/** Something that an operator should look at, the worst first. */
export interface Stuck {
  readonly severity: 'critical' | 'warning'
  /** One sentence: what is stuck. */
  readonly message: string
  /** Which page shows it, and what there: `{ page: 'queue', of: 'mail' }`, `{ page: 'tasks', of: 'state:FAILURE' }`. */
  readonly at: {
    readonly page:
      | 'queue'
      | 'queues'
      | 'tasks'
      | 'task'
      | 'worker'
      | 'workers'
      | 'schedules'
      | 'dead-letters'
      | 'limits'
    readonly of: string | null
  }
}

/** One step of the throughput chart. */
export interface Throughput {
  readonly ms: number
  readonly received: number
  readonly succeeded: number
  readonly failed: number
  readonly retried: number
  /** Mean seconds of a run; null when nothing ended. */
  readonly meanRuntime: number | null
}

/** The overview: is anything stuck? */
export interface Overview {
  readonly stuck: readonly Stuck[]
  readonly queues: {
    readonly count: number
    readonly ready: number
    readonly delayed: number | null
    readonly unacked: number | null
    readonly dead: number
    /** Those that need attention first: the most that waits, at most 20. */
    readonly top: readonly QueueLine[]
  }
  readonly workers: {
    readonly alive: number
    /** Names of those that were heard of and are gone without saying so. */
    readonly lost: readonly string[]
    readonly active: number
  }
  /** The last hour, by minute; steps without events have zeros. */
  readonly throughput: readonly Throughput[]
  /** Of the last 24 hours, by type of error, the most frequent first. */
  readonly failures: readonly { readonly type: string; readonly count: number }[]
  /** Of the last hour, by task name, the most frequent first. */
  readonly names: readonly {
    readonly name: string
    readonly succeeded: number
    readonly failed: number
    readonly meanRuntime: number | null
  }[]
}

/** A queue in a list. */
export interface QueueLine {
  readonly name: string
  readonly ready: number
  /** null where the broker cannot tell. */
  readonly delayed: number | null
  readonly unacked: number | null
  readonly dead: number
  readonly isPaused: boolean
  /** Workers that consume it; null when they could not be asked. */
  readonly consumers: number | null
}
