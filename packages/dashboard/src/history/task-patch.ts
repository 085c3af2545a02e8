import type { TaskSource, TimelineEntry } from './task-entry.js'

/** What several events, or a place that was looked at, add to what is known of a task. */
export interface TaskPatch {
  readonly id: string
  readonly source: TaskSource
  /** When it was heard of here first, Unix ms. */
  readonly seenMs: number
  readonly state: string
  /** When that state was told, Unix ms. */
  readonly changedMs: number
  /** Whose word the state is, and its logical clock then: `node pid`, 0 where it has none. */
  readonly process: string
  readonly clock: number
  readonly facts: TaskFacts
  readonly timeline: readonly TimelineEntry[]
}

/** What may be known of a task besides its state; texts are bounded and their secrets hidden already. */
export interface TaskFacts {
  readonly name?: string
  readonly worker?: string
  readonly client?: string
  readonly queue?: string
  readonly args?: string
  readonly kwargs?: string
  readonly result?: string
  readonly exception?: string
  readonly traceback?: string
  /** Seconds. */
  readonly runtime?: number
  readonly retries?: number
  readonly eta?: string
  readonly expires?: string
  readonly rootId?: string
  readonly parentId?: string
  readonly groupId?: string
  readonly percent?: number
}
