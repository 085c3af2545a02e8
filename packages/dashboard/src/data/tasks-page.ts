import type { Facet } from '../history/history-store.js'
import type { TaskEntry, TaskSummary } from '../history/task-entry.js'
import type { SearchError } from '../search/search-node.js'

/** The request for the tasks page, parsed from its URL. */
export interface TasksRequest {
  /** The search, as typed. */
  readonly q: string
  readonly before?: number
  readonly after?: number
  /** 1 to 500. Default 50. */
  readonly limit: number
}

/** The tasks page, newest first. */
export interface TasksPage {
  readonly request: TasksRequest
  /** The error in the search; if set, there are no items. */
  readonly error: SearchError | null
  readonly items: readonly TaskSummary[]
  /** `before` of the next page; null on the last one. */
  readonly next: number | null
  /** `after` of the previous page; null on the first one. */
  readonly previous: number | null
  /** When the search stopped at its budget before the end of the history: the time of the oldest task examined. */
  readonly lookedBackToMs: number | null
  /** An estimate of all tasks in the history. */
  readonly size: number
  /** Field values, for the form. */
  readonly names: readonly Facet[]
  readonly states: readonly Facet[]
  readonly workers: readonly Facet[]
  readonly queues: readonly Facet[]
}

/** The reason a task does not run, in one sentence, most certain first. */
export interface WhyNot {
  readonly kind:
    | 'paused'
    | 'delayed'
    | 'no-consumer'
    | 'no-worker'
    | 'limited'
    | 'revoked'
    | 'breaker'
    | 'behind'
    | 'held'
    | 'worker-lost'
    | 'unknown'
    | 'dead'
    | 'retry-wait'
  readonly message: string
  /** The remedy, if there is one. */
  readonly advice: string | null
}

/** One run of a task, or the wait for one. */
export interface Attempt {
  /** From 1. */
  readonly number: number
  readonly worker: string | null
  readonly receivedMs: number | null
  readonly startedMs: number | null
  readonly endedMs: number | null
  readonly outcome:
    | 'running'
    | 'waiting'
    | 'succeeded'
    | 'failed'
    | 'retried'
    | 'revoked'
    | 'rejected'
    | 'lost'
  readonly error: string | null
  /** Seconds spent waiting in the worker, and running. */
  readonly waited: number | null
  readonly ran: number | null
}

/** A related task. */
export interface Relative {
  readonly id: string
  readonly name: string | null
  readonly state: string
}

/** The page of a task. */
export interface TaskPage {
  readonly task: TaskEntry
  /** Empty when it is running, or has ended. */
  readonly why: readonly WhyNot[]
  readonly attempts: readonly Attempt[]
  /** The stored result; null when there is none, or the backend is unreachable. */
  readonly result: {
    readonly state: string
    readonly value: string
    readonly traceback: string | null
    readonly dateDone: string | null
  } | null
  /** The message, if it is in a queue and the broker shows it. Arguments as lossless JSON, secrets hidden. */
  readonly queued: {
    readonly queue: string
    readonly state: 'ready' | 'delayed' | 'unacked'
    readonly dueMs: number | null
    readonly waitingSinceMs: number | null
    readonly args: string | null
    readonly kwargs: string | null
  } | null
  /** Its dead letter, if any. */
  readonly letter: { readonly id: string; readonly reason: string; readonly failedMs: number } | null
  readonly parent: Relative | null
  readonly children: readonly Relative[]
  /** Whether its workflow has other tasks. */
  readonly hasWorkflow: boolean
  /** Whether its worker is gone. */
  readonly isLost: boolean
  /** Actions that make sense in this state. */
  readonly actions: readonly (
    | 'task.retry'
    | 'task.edit-retry'
    | 'task.revoke'
    | 'task.terminate'
    | 'task.abort'
    | 'queue.promote'
    | 'letter.redrive'
  )[]
  /** The arguments as editable JSON; null where they are not known exactly, so that editing starts from the displayed form. */
  readonly editable: { readonly args: string; readonly kwargs: string } | null
}

/** A workflow in a list: its root task. */
export interface WorkflowPage {
  /** The id that was asked for: of its root, or of a group that was called by itself. */
  readonly rootId: string
  readonly nodes: readonly WorkflowNode[]
  readonly edges: readonly { readonly from: string; readonly to: string }[]
  /** Whether there are more tasks than the page shows. */
  readonly isCut: boolean
  readonly counts: Readonly<Record<string, number>>
}

/** A task of a workflow, placed in layers: after everything that led to it. */
export interface WorkflowNode extends Relative {
  readonly layer: number
  readonly groupId: string | null
  readonly runtime: number | null
  readonly startedMs: number | null
  readonly endedMs: number | null
}

/** The most recently active workflows. */
export interface WorkflowsPage {
  readonly items: readonly {
    /** Of its root, or of the group that was called by itself. */
    readonly id: string
    /** Its first task. */
    readonly root: TaskSummary
    /** The names of a group's tasks; null when it began with one task. */
    readonly group: readonly string[] | null
    /** At most 500 are counted. */
    readonly tasks: number
    readonly counts: Readonly<Record<string, number>>
  }[]
  readonly next: number | null
}
