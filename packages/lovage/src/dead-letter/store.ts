import type { Page, PageRequest } from '../kernel/index.js'

/** Why a message ended here. */
export type DeadLetterReason =
  | 'malformed'
  | 'unaccepted'
  | 'unknown-task'
  | 'unsupported'
  | 'rejected'
  | 'failed'
  | 'worker-lost'
  | 'invalid-arguments'
  /** Its queue had gone when it was due there. */
  | 'unroutable'

/** A message that no worker will run again by itself, with everything that is known about it. */
export interface DeadLetter {
  /** Own id: made from task id and attempt, so that storing it twice is storing it once. */
  readonly id: string
  readonly taskId: string | null
  readonly task: string | null
  /** The queue it came from and a redrive returns it to. */
  readonly queue: string
  readonly reason: DeadLetterReason
  /** Type, message and traceback of the last error. */
  readonly error: { readonly type: string; readonly message: string; readonly traceback: string | null }
  readonly retries: number
  readonly redeliveries: number
  /** Name of the worker that gave up. */
  readonly worker: string
  /** Unix ms. */
  readonly failedMs: number
  /** The message as the broker held it. */
  readonly raw: Buffer | string
}

/** What to list; all conditions hold together. */
export interface DeadLetterQuery extends PageRequest {
  readonly queue?: string
  readonly task?: string
  readonly reason?: DeadLetterReason
  readonly ids?: readonly string[]
  /** Unix ms. */
  readonly failedBeforeMs?: number
}

/** Where dead letters lie; newest first in listings. */
export interface DeadLetterStore {
  add(letters: readonly DeadLetter[]): Promise<void>
  list(query: DeadLetterQuery): Promise<Page<DeadLetter>>
  /** Letters by queue. */
  count(): Promise<ReadonlyMap<string, number>>
  /** Removes and returns the letters with these ids. */
  take(ids: readonly string[]): Promise<readonly DeadLetter[]>
}

/** A store of dead letters that stands by itself, not in a broker. */
export interface OpenDeadLetterStore extends DeadLetterStore {
  /** Where it is, without the password. */
  readonly location: string
  close(): Promise<void>
}
