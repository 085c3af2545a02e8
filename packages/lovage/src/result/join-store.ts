import type { ResultTuple, TaskState } from './task-result.js'

/** A body that waits for the members of a group: Celery's chord, from the counting store's view. */
export interface Join {
  /** The group's id, which every member's message carries. */
  readonly id: string
  /** Completions to wait for; null while unknown, because the members are still being created. */
  readonly size: number | null
  /** The body's signature as JSON. The store returns it unchanged. */
  readonly body: string
  /** Deadline in Unix ms: the join is then handed out incomplete. */
  readonly deadlineMs: number
  /** The members' results, when groups among them make the list of values nested. */
  readonly shape?: ResultTuple
}

/** A finished member. */
export interface JoinPart {
  readonly joinId: string
  readonly taskId: string
  /** Its place among the members; null = after those that have one. */
  readonly index: number | null
  /** SUCCESS, FAILURE or REVOKED. */
  readonly state: TaskState
  /** The value, or the exception's description, as JSON in kombu's dialect. */
  readonly resultJson: string
  /**
   * The body from the member's message (`embed.chord`), for joins that a peer may have opened: Python, on Redis. Lovage's own stores
   * ignore it.
   */
  readonly body?: string
}

/** A member as recorded by its join. */
export interface ArrivedPart {
  readonly taskId: string
  readonly index: number | null
  readonly state: TaskState
  readonly result: unknown
}

/** A join that has finished waiting. Its taker publishes the body, or fails it, and then calls `finish`. */
export interface CompletedJoin {
  readonly id: string
  readonly body: string
  /** The members that have arrived, in the order of their places; the same each time a join is handed out. */
  readonly parts: readonly ArrivedPart[]
  readonly shape?: ResultTuple
  /** Whether the deadline came first, so that parts are missing. */
  readonly expired: boolean
}

/** How long a taker holds a join: if not finished by then, `due` hands it out again. */
export interface HoldOptions {
  /** Default 30,000. */
  readonly holdMs?: number
}

/**
 * Counts the members of groups, and records which bodies are still to be published. Every call is atomic, across processes as well; lists
 * are one round trip. A join that is handed out and never finished, because its taker died, is handed out again, so that a body is
 * published at least once; with one task id and `once`, it is published exactly once.
 */
export interface JoinStore {
  /**
   * Opens joins: before their members are published, and again for those of unknown size before the last member is. Repeating it sets
   * everything but the arrivals. Returns the joins that this completed.
   */
  open(joins: readonly Join[], options?: HoldOptions): Promise<readonly CompletedJoin[]>
  /**
   * Adds members to an open join, each once by its task id. Call it before they are published, while the caller is itself a member that
   * has not arrived. Returns whether the join was still open.
   */
  extend(id: string, taskIds: readonly string[]): Promise<boolean>
  /**
   * Records parts, each once by its task id, the first to arrive: a redelivered member is not counted twice. Returns the joins that these
   * parts completed; a part whose first arrival completed a join that is still unfinished completes it again. Parts of finished or
   * unopened joins are ignored.
   */
  arrive(parts: readonly JoinPart[], options?: HoldOptions): Promise<readonly CompletedJoin[]>
  /**
   * Hands out overdue joins, oldest first: those past their deadline, and completed ones whose taker has not finished them in time. Every
   * worker polls it periodically.
   */
  due(options?: HoldOptions & { readonly limit?: number }): Promise<readonly CompletedJoin[]>
  /** Removes joins whose body was published, or failed, for good. */
  finish(ids: readonly string[]): Promise<void>
  /** Stores the results of a group under its id, for as long as results are kept. */
  saveGroup(group: ResultTuple): Promise<void>
  /**
   * Returns a saved group; undefined when it no longer exists.
   * @throws {ResultError} LVG_RESULT_UNREADABLE
   */
  group(id: string): Promise<ResultTuple | undefined>
  forgetGroup(id: string): Promise<void>
}
