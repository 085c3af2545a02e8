/** A worker in a list. */
export interface WorkerLine {
  readonly hostname: string
  readonly state: 'alive' | 'offline' | 'lost'
  /** `py-celery 5.6.3`, `lovage 0.1.0`. */
  readonly software: string
  readonly pid: number | null
  /** Running tasks. */
  readonly active: number
  readonly processed: number
  readonly loadavg: readonly number[]
  /** When it was last seen, Unix ms. */
  readonly seenMs: number
  /** Whether it sends task events; null when not yet known. */
  readonly tellsOfTasks: boolean | null
  readonly queues: readonly string[] | null
  readonly pool: string | null
  readonly concurrency: number | null
}

/** The workers page. */
export interface WorkersPage {
  readonly items: readonly WorkerLine[]
}

/** A task that a worker holds. */
export interface HeldTask {
  readonly id: string
  readonly name: string
  readonly args: string
  readonly kwargs: string
  readonly startedMs: number | null
  readonly dueMs: number | null
  readonly queue: string | null
}

/** The page of a worker: everything that Flower shows. Missing answers are null. */
export interface WorkerPage {
  readonly line: WorkerLine
  readonly stats: Readonly<Record<string, unknown>> | null
  readonly registered: readonly string[] | null
  readonly activeQueues: readonly Readonly<Record<string, unknown>>[] | null
  readonly conf: Readonly<Record<string, unknown>> | null
  readonly active: readonly HeldTask[] | null
  readonly reserved: readonly HeldTask[] | null
  readonly scheduled: readonly HeldTask[] | null
  readonly revoked: readonly string[] | null
}
