import type { ResultTuple, TaskState } from './result-backend.js'

/** A chord that is counted: its members have ended when `size` of them have arrived. */
export interface Join {
  /** The id of the members' group. */
  readonly id: string
  /** Arrivals to wait for. */
  readonly size: number
  /** The body's signature as JSON; nobody here looks into it. */
  readonly body: string
  /** Unix ms after which the join is given up. */
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
  /** The value, or the exception, as JSON. */
  readonly resultJson: string
}

/** A member as a complete join remembers it. */
export interface ArrivedPart {
  readonly taskId: string
  readonly index: number | null
  readonly state: TaskState
  readonly result: unknown
}

/** A join whose members have all ended. */
export interface CompletedJoin {
  readonly id: string
  /** In the order of their places. */
  readonly parts: readonly ArrivedPart[]
  readonly shape?: ResultTuple
}

/**
 * Counts the members of chords, and keeps groups that were saved. A join is complete until it is finished: whoever
 * arrives again is told again, so that a worker which died before it sent the body is followed by one that sends it.
 */
export interface JoinStore {
  /** Opens joins; repeating it changes nothing. Answers with those that are complete already. */
  open(joins: readonly Join[]): Promise<readonly CompletedJoin[]>
  /**
   * Counts members, each once by its task id whatever it brings the second time; also before their join is opened.
   * Answers with the joins that are complete now, each once.
   */
  arrive(parts: readonly JoinPart[]): Promise<readonly CompletedJoin[]>
  /** Lets an open join wait for more members. */
  extend(id: string, by: number): Promise<void>
  /** Forgets joins whose bodies were sent; what arrives later completes nothing. */
  finish(ids: readonly string[]): Promise<void>
  /**
   * Joins past their deadline, at most `limit`; each is not given out again for `leaseMs`, in which the caller fails its
   * body and finishes it.
   */
  overdue(nowMs: number, limit: number, leaseMs: number): Promise<readonly Pick<Join, 'id' | 'body'>[]>
  /** Keeps the results of a group under its id. */
  saveGroup(group: ResultTuple): Promise<void>
  group(id: string): Promise<ResultTuple | undefined>
  forgetGroup(id: string): Promise<void>
}
