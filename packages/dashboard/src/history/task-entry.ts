/** Where a fact about a task comes from: events, or what filled a gap in them. */
export type TaskSource = 'events' | 'result' | 'queue' | 'dead-letter'

/** A task in a list. What is not known is null, so that it is the same in JSON. Times are Unix ms. */
export interface TaskSummary {
  /** Its place in the history: newer ones are greater. A page goes on behind the key of its last task. */
  readonly key: number
  readonly fleet: string
  readonly id: string
  readonly name: string | null
  /** PENDING (sent), RECEIVED, STARTED, PROGRESS, RETRY, SUCCESS, FAILURE, REVOKED, REJECTED, or a state of the task's own. */
  readonly state: string
  readonly worker: string | null
  readonly queue: string | null
  /** As logs show them, secrets hidden. */
  readonly args: string | null
  readonly kwargs: string | null
  readonly result: string | null
  readonly exception: string | null
  /** Seconds. */
  readonly runtime: number | null
  readonly retries: number | null
  /** ISO 8601. */
  readonly eta: string | null
  readonly expires: string | null
  /** 0–100. */
  readonly percent: number | null
  /** When this dashboard heard of it first. */
  readonly seenMs: number
  /** When its state was told last. */
  readonly changedMs: number
  readonly sentMs: number | null
  readonly receivedMs: number | null
  readonly startedMs: number | null
  /** When it succeeded, failed, or was revoked or rejected. */
  readonly endedMs: number | null
  readonly source: TaskSource
}

/** One thing that was told of a task. */
export interface TimelineEntry {
  /** `sent`, `received`, `started`, `progress`, `retried`, `failed`, `succeeded`, `revoked`, `rejected`, or a custom event. */
  readonly kind: string
  /** Unix ms, by the clock of whoever told it. */
  readonly ms: number
  /** Who told it: a worker, or, of `sent`, the producer. */
  readonly node: string | null
  readonly retries: number | null
  readonly exception: string | null
  readonly percent: number | null
}

/** A task with everything that the history has of it. */
export interface TaskEntry extends TaskSummary {
  readonly traceback: string | null
  /** Lamport's clock of the event that told its state. */
  readonly clock: number
  /** The producer, where `task-sent` is sent. */
  readonly client: string | null
  readonly rootId: string | null
  readonly parentId: string | null
  readonly groupId: string | null
  /** In the order of their times; of a task that told very much, its beginning and its end. */
  readonly timeline: readonly TimelineEntry[]
  /** Entries that the timeline has no room for. */
  readonly untold: number
}
