import type { QueueLine } from './overview.js'

/** The queues page. */
export interface QueuesPage {
  /** The search in their names, as typed. */
  readonly q: string
  readonly sort: 'ready' | 'name'
  readonly items: readonly QueueLine[]
  /** All that match. */
  readonly count: number
  /** `after` of the next page; null on the last one. */
  readonly next: number | null
}

/** A task in a queue. */
export interface QueuedLine {
  readonly id: string
  readonly name: string | null
  readonly state: 'ready' | 'delayed' | 'unacked'
  readonly args: string
  readonly kwargs: string
  readonly retries: number
  readonly origin: string
  /** Public scale, 0 to 9, higher first; null when the message has none. */
  readonly priority: number | null
  readonly dueMs: number | null
  readonly waitingSinceMs: number | null
}

/** The page of a queue; viewing consumes nothing. */
export interface QueuePage {
  readonly line: QueueLine
  /** Workers that consume it. */
  readonly workers: readonly string[]
  /** Seconds for which the oldest of the next messages has been waiting; null when none waits, or it is unknown. */
  readonly oldestSeconds: number | null
  /** The number of examined messages (at most `priorityOf`) by priority, highest first; null where messages cannot be examined. */
  readonly priorities: readonly { readonly priority: number | null; readonly count: number }[] | null
  readonly priorityOf: number
  readonly state: 'ready' | 'delayed' | 'unacked' | null
  /** null where the broker does not show messages. */
  readonly items: readonly QueuedLine[] | null
  readonly next: string | null
  /** Other queues, as targets for moving. */
  readonly others: readonly string[]
}
