import type { Facet } from '../history/history-store.js'
import type { TaskEntry, TaskSummary } from '../history/task-entry.js'
import type { SearchError } from '../search/search-node.js'

/** What the page of tasks was asked for: its URL, read. */
export interface TasksRequest {
  /** The search, as it was typed. */
  readonly q: string
  readonly before?: number
  readonly after?: number
  /** 1 to 500. Default 50. */
  readonly limit: number
}

/** The page of tasks, newest first. */
export interface TasksPage {
  readonly request: TasksRequest
  /** Why the search cannot be understood; then there are no items. */
  readonly error: SearchError | null
  readonly items: readonly TaskSummary[]
  /** `before` of the next page; null on the last one. */
  readonly next: number | null
  /** `after` of the page before; null on the first one. */
  readonly previous: number | null
  /** When nothing more was found within the search's bounds though there is more history: when the oldest task that was looked at was heard of. */
  readonly lookedBackToMs: number | null
  /** An estimate of all tasks in the history. */
  readonly size: number
  /** For the form: values that fields have. */
  readonly names: readonly Facet[]
  readonly states: readonly Facet[]
  readonly workers: readonly Facet[]
  readonly queues: readonly Facet[]
}

/** Why a task does not run, in one sentence, the most certain first. */
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
  /** What to do about it, where something can be done. */
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
  /** Seconds that it waited in the worker and ran. */
  readonly waited: number | null
  readonly ran: number | null
}

/** A task that another one stands in relation to. */
export interface Relative {
  readonly id: string
  readonly name: string | null
  readonly state: string
}

/** The page of a task. */
export interface TaskPage {
  readonly task: TaskEntry
  /** Empty when it runs, or has ended. */
  readonly why: readonly WhyNot[]
  readonly attempts: readonly Attempt[]
  /** What the result backend holds; null when it holds nothing, or cannot be asked. */
  readonly result: {
    readonly state: string
    readonly value: string
    readonly traceback: string | null
    readonly dateDone: string | null
  } | null
  /** The message, when it stands in a queue and the broker shows it. Arguments as lossless JSON, secrets hidden. */
  readonly queued: {
    readonly queue: string
    readonly state: 'ready' | 'delayed' | 'unacked'
    readonly dueMs: number | null
    readonly waitingSinceMs: number | null
    readonly args: string | null
    readonly kwargs: string | null
  } | null
  /** The dead letter that it ended as. */
  readonly letter: { readonly id: string; readonly reason: string; readonly failedMs: number } | null
  readonly parent: Relative | null
  readonly children: readonly Relative[]
  /** Whether the workflow that it belongs to has more tasks than this one. */
  readonly hasWorkflow: boolean
  /** The worker that it runs on is gone. */
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
  /** The arguments as JSON to edit; null where they are not known exactly, so that editing has to begin with what is shown. */
  readonly editable: { readonly args: string; readonly kwargs: string } | null
}

/** A workflow in a list: the task that it began with. */
export interface WorkflowPage {
  readonly rootId: string
  readonly nodes: readonly WorkflowNode[]
  readonly edges: readonly { readonly from: string; readonly to: string }[]
  /** More tasks than the page shows. */
  readonly isCut: boolean
  readonly counts: Readonly<Record<string, number>>
}

/** A task of a workflow, placed in layers from its root. */
export interface WorkflowNode extends Relative {
  readonly layer: number
  readonly groupId: string | null
  readonly runtime: number | null
  readonly startedMs: number | null
  readonly endedMs: number | null
}

/** Workflows that were heard of last. */
export interface WorkflowsPage {
  readonly items: readonly {
    readonly root: TaskSummary
    readonly tasks: number
    readonly counts: Readonly<Record<string, number>>
  }[]
  readonly next: number | null
}
