/** The source of a fact about a task: events, or data that filled a gap in them. */
export type TaskSource = 'events' | 'result' | 'queue' | 'dead-letter'

/** A task in a list. Unknown fields are null, to be the same in JSON. Times are Unix ms. */
export interface TaskSummary {
  /** Its place in the history: newer tasks have greater keys. The next page continues from the key of the last task. */
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
  /** When this dashboard first saw it. */
  readonly seenMs: number
  /** When its state was last reported. */
  readonly changedMs: number
  readonly sentMs: number | null
  readonly receivedMs: number | null
  readonly startedMs: number | null
  /** When it succeeded, failed, or was revoked or rejected. */
  readonly endedMs: number | null
  readonly source: TaskSource
}

/** One event of a task. */
export interface TimelineEntry {
  /** `sent`, `received`, `started`, `progress`, `retried`, `failed`, `succeeded`, `revoked`, `rejected`, or a custom event. */
  readonly kind: string
  /** Unix ms, by the sender's clock. */
  readonly ms: number
  /** The sender: a worker, or for `sent` the producer. */
  readonly node: string | null
  readonly retries: number | null
  readonly exception: string | null
  readonly percent: number | null
}

/** A task with its full history. */
export interface TaskEntry extends TaskSummary {
  readonly traceback: string | null
  /** The Lamport clock of the event that set its state. */
  readonly clock: number
  /** The producer, where `task-sent` is sent. */
  readonly client: string | null
  readonly rootId: string | null
  readonly parentId: string | null
  readonly groupId: string | null
  /** In chronological order; for a task with very many events, the first and last ones. */
  readonly timeline: readonly TimelineEntry[]
  /** The number of entries omitted from the timeline. */
  readonly untold: number
}
