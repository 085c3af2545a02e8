import type { QueueLine } from './overview.js'

/** The page of queues. */
export interface QueuesPage {
  /** The search in their names, as it was typed. */
  readonly q: string
  readonly sort: 'ready' | 'name'
  readonly items: readonly QueueLine[]
  /** All that match. */
  readonly count: number
  /** `after` of the next page; null on the last one. */
  readonly next: number | null
}

/** A task that stands in a queue. */
export interface QueuedLine {
  readonly id: string
  readonly name: string | null
  readonly state: 'ready' | 'delayed' | 'unacked'
  readonly args: string
  readonly kwargs: string
  readonly retries: number
  readonly origin: string
  /** Public scale, 0 to 9, higher first; null when the message does not say. */
  readonly priority: number | null
  readonly dueMs: number | null
  readonly waitingSinceMs: number | null
}

/** The page of a queue; nothing is consumed by looking. */
export interface QueuePage {
  readonly line: QueueLine
  /** Workers that consume it. */
  readonly workers: readonly string[]
  /** Seconds for which the oldest of the next messages waits; null when nothing waits, or it is not known. */
  readonly oldestSeconds: number | null
  /** How many of the messages that were looked at (at most `priorityOf`) have each priority, the highest first; null where nobody can look. */
  readonly priorities: readonly { readonly priority: number | null; readonly count: number }[] | null
  readonly priorityOf: number
  readonly state: 'ready' | 'delayed' | 'unacked' | null
  /** null where the broker does not show messages. */
  readonly items: readonly QueuedLine[] | null
  readonly next: string | null
  /** Names of other queues, for moving. */
  readonly others: readonly string[]
}
