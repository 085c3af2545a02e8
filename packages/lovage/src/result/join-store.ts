import type { ResultTuple, TaskState } from './task-result.js'

/** A body that waits for the members of a group: Celery's chord, seen by the store that counts. */
export interface Join {
  /** The group's id, which every member's message carries. */
  readonly id: string
  /** Completions to wait for; null while it is not known, because the members are still being made. */
  readonly size: number | null
  /** The body's signature as JSON. The store gives it back as it was. */
  readonly body: string
  /** Unix ms at which waiting ends: the join is then handed out incomplete. */
  readonly deadlineMs: number
  /** The members' results, when groups among them make the list of values a nested one. */
  readonly shape?: ResultTuple
}

/** A member that has ended. */
export interface JoinPart {
  readonly joinId: string
  readonly taskId: string
  /** Its place among the members; null = behind those that have one. */
  readonly index: number | null
  /** SUCCESS, FAILURE or REVOKED. */
  readonly state: TaskState
  /** The value, or the exception's description, as JSON in kombu's dialect. */
  readonly resultJson: string
  /**
   * The body as the member's message carries it (`embed.chord`), where a peer may have opened the join: Python, on
   * Redis. A store of Lovage's own ignores it.
   */
  readonly body?: string
}

/** A member as its join remembers it. */
export interface ArrivedPart {
  readonly taskId: string
  readonly index: number | null
  readonly state: TaskState
  readonly result: unknown
}

/** A join whose waiting is over. Whoever gets it publishes the body, or fails it, and then calls `finish`. */
export interface CompletedJoin {
  readonly id: string
  readonly body: string
  /** Who has arrived, in the order of their places. They are the same each time a join is handed out. */
  readonly parts: readonly ArrivedPart[]
  readonly shape?: ResultTuple
  /** The deadline came first: parts are missing. */
  readonly expired: boolean
}

/** For how long a join is its taker's: not finished by then, `due` hands it out again. */
export interface HoldOptions {
  /** Default 30,000. */
  readonly holdMs?: number
}

/**
 * Counts the members of groups, and remembers who owes a body. Every call is atomic, also among processes; lists are
 * one round trip. What is handed out and never finished, because its taker died, is handed out again, so that a
 * body is published at least once; publish it under one task id and with `once`, and it is published once.
 */
export interface JoinStore {
  /**
   * Opens joins: before their members are published, and those of unknown size again before the last one is. Repeating
   * it sets everything but what has arrived. Answers with the joins that this has completed.
   */
  open(joins: readonly Join[], options?: HoldOptions): Promise<readonly CompletedJoin[]>
  /**
   * Adds members to a join that is open, each once by its task id; call it before they are published, while the
   * caller is itself a member that has not arrived. Tells whether the join was still open.
   */
  extend(id: string, taskIds: readonly string[]): Promise<boolean>
  /**
   * Takes parts, each once by its task id, the first that comes: a redelivered member counts no second time. Answers
   * with the joins that these parts have completed; a part whose first arrival completed a join that is still
   * unfinished completes it again. Parts of joins that are over, or that nobody opened, are left out.
   */
  arrive(parts: readonly JoinPart[], options?: HoldOptions): Promise<readonly CompletedJoin[]>
  /**
   * Hands out what is owed, oldest first: joins past their deadline, and completed ones whose taker has not finished
   * them in time. Every worker asks now and then.
   */
  due(options?: HoldOptions & { readonly limit?: number }): Promise<readonly CompletedJoin[]>
  /** Forgets joins whose body was published, or failed, for good. */
  finish(ids: readonly string[]): Promise<void>
  /** Keeps the results of a group under its id, for as long as results are kept. */
  saveGroup(group: ResultTuple): Promise<void>
  /**
   * A group that was saved; undefined when there is none any more.
   * @throws {ResultError} LVG_RESULT_UNREADABLE
   */
  group(id: string): Promise<ResultTuple | undefined>
  forgetGroup(id: string): Promise<void>
}
