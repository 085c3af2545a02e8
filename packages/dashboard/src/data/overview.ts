import type { QueueLine } from '../fleets/queue-line.js'
/** A problem for an operator's attention, worst first. */
export interface Stuck {
  readonly severity: 'critical' | 'warning'
  /** The problem, in one sentence. */
  readonly message: string
  /** The page that shows it, and the item there: `{ page: 'queue', of: 'mail' }`, `{ page: 'tasks', of: 'state:FAILURE' }`. */
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
    /** The queues that need attention most: the largest backlogs, at most 20. */
    readonly top: readonly QueueLine[]
  }
  readonly workers: {
    readonly alive: number
    /** Workers that are gone without signing off. */
    readonly lost: readonly string[]
    readonly active: number
  }
  /** The last hour, by minute; steps without events have zeros. */
  readonly throughput: readonly Throughput[]
  /** In the last 24 hours, by error type, most frequent first. */
  readonly failures: readonly { readonly type: string; readonly count: number }[]
  /** In the last hour, by task name, most frequent first. */
  readonly names: readonly {
    readonly name: string
    readonly succeeded: number
    readonly failed: number
    readonly meanRuntime: number | null
  }[]
}

export type { QueueLine } from '../fleets/queue-line.js'
