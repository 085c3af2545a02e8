import type { ResultError, Unsubscribe } from '../kernel/index.js'
import type { JoinStore } from './join-store.js'
import type { ResultTuple, TaskState } from './task-result.js'

export type { ExceptionInfo } from '../message/index.js'
export { READY_STATES, type ResultTuple, type TaskState } from './task-result.js'

/** What is known of a task that was run, or is running. */
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
   * LVG_RESULT_UNREADABLE: something is stored that cannot be read. Then `state` is FAILURE and `result` says why, as an
   * exception does, so that nobody waits for it or takes it for a value.
   */
  readonly unreadable?: ResultError
}

/** What `resultExtended` adds. */
export interface ExtendedResult {
  readonly name: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly worker: string
  readonly retries: number
  readonly queue: string
  readonly stamps?: Readonly<Record<string, unknown>>
}

/** A result on its way into a store. */
export interface ResultRecord extends TaskResult {
  /** `result` as JSON in kombu's dialect, encoded once by whoever made the record. */
  readonly resultJson: string
  /** Who asked for it (the message's `reply_to`), and what it calls the task there; read by backends that store nothing. */
  readonly replyTo?: string
  readonly correlationId?: string
}

/** Where results lie. A SUCCESS is never overwritten. */
export interface ResultBackend {
  readonly kind: string
  /** Where it is, without the password. */
  readonly location: string
  /** Old results go by themselves; false where somebody has to call `prune`, as `celery.backend_cleanup` does. */
  readonly expiresItself: boolean
  /** Counts chords and keeps groups; absent where the backend cannot. */
  readonly joins?: JoinStore
  /**
   * Only where results go to whoever asked for them, instead of being stored for all: resolves when they can come to this process.
   * It is awaited before each task that is sent, and nobody else's results can be read or changed here.
   */
  expectReplies?(): Promise<void>
  store(records: readonly ResultRecord[]): Promise<void>
  /** Those of `ids` that have a record, in no particular order. One that is unreadable says so itself. */
  get(ids: readonly string[]): Promise<readonly TaskResult[]>
  /**
   * Calls `on` once for what is there already, and then for what is stored; of several states that follow each other
   * quickly it may hear only the last. A slow poll stands behind it. What `on` throws is logged and harms nobody else.
   */
  watch(ids: readonly string[], on: (result: TaskResult) => void): Unsubscribe
  forget(ids: readonly string[]): Promise<void>
  /** Removes what was done, and groups that were saved, before `beforeMs` (Unix ms); tells how many. With a TTL: 0. */
  prune(beforeMs: number): Promise<number>
  close(): Promise<void>
}
