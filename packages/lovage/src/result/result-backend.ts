import type { ResultError, Unsubscribe } from '../kernel/index.js'
import type { JoinStore } from './join-store.js'
import type { ResultTuple, TaskState } from './task-result.js'

export type { ExceptionInfo } from '../message/index.js'
export { READY_STATES, type ResultTuple, type TaskState } from './task-result.js'

/** The stored state of a task that ran, or is running. */
export interface TaskResult {
  readonly id: string
  readonly state: TaskState
  /** The value, the exception (`ExceptionInfo`), or the state's own meta. */
  readonly result: unknown
  readonly traceback: string | null
  readonly children: readonly ResultTuple[]
  /** ISO 8601, once ready. */
  readonly dateDone: string | null
  readonly groupId?: string
  readonly parentId?: string
  /** Present when `resultExtended` was on. */
  readonly extended?: ExtendedResult
  /**
   * LVG_RESULT_UNREADABLE: the stored record cannot be read. `state` is then FAILURE and `result` is an exception that says why, so that
   * no caller waits for it or takes it for a value.
   */
  readonly unreadable?: ResultError
}

/** The fields that `resultExtended` adds. */
export interface ExtendedResult {
  readonly name: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly worker: string
  readonly retries: number
  readonly queue: string
  readonly stamps?: Readonly<Record<string, unknown>>
}

/** A result to be stored. */
export interface ResultRecord extends TaskResult {
  /** `result` as JSON in kombu's dialect, encoded once by the record's creator. */
  readonly resultJson: string
  /** The caller's reply address (the message's `reply_to`) and its id for the task; read by backends that store nothing. */
  readonly replyTo?: string
  readonly correlationId?: string
}

/** A store of results. A SUCCESS is never overwritten. */
export interface ResultBackend {
  readonly kind: string
  /** Where it is, without the password. */
  readonly location: string
  /** Whether old results expire on their own; false where `prune` has to be called, as `celery.backend_cleanup` does. */
  readonly expiresItself: boolean
  /** The store of chords and groups; absent where the backend cannot keep them. */
  readonly joins?: JoinStore
  /**
   * Present only where results go to the caller instead of being stored for all: resolves when they can reach this process. It is awaited
   * before each task is sent; results of other callers cannot be read or changed here.
   */
  expectReplies?(): Promise<void>
  store(records: readonly ResultRecord[]): Promise<void>
  /** Returns the records that exist for `ids`, in no particular order. An unreadable one is marked as such. */
  get(ids: readonly string[]): Promise<readonly TaskResult[]>
  /**
   * Calls `on` once for existing records, and then for each stored one; of several states in quick succession it may report only the
   * last. A slow poll backs it up. Errors from `on` are logged and do not affect other watchers.
   */
  watch(ids: readonly string[], on: (result: TaskResult) => void): Unsubscribe
  forget(ids: readonly string[]): Promise<void>
  /** Removes results done, and groups saved, before `beforeMs` (Unix ms); returns how many. With a TTL: 0. */
  prune(beforeMs: number): Promise<number>
  close(): Promise<void>
}
