import type { Page, PageRequest } from '../kernel/index.js'

/** The reason for a dead letter. */
export type DeadLetterReason =
  | 'malformed'
  | 'unaccepted'
  | 'unknown-task'
  | 'unsupported'
  | 'rejected'
  | 'failed'
  | 'worker-lost'
  | 'invalid-arguments'
  /** Its queue no longer existed when it was due there. */
  | 'unroutable'

/** A message that no worker will run again on its own, with everything known about it. */
export interface DeadLetter {
  /** The letter's own id, made from task id and attempt, so that storing it twice has no effect. */
  readonly id: string
  readonly taskId: string | null
  readonly task: string | null
  /** The queue it came from, to which a redrive returns it. */
  readonly queue: string
  readonly reason: DeadLetterReason
  /** Type, message and traceback of the last error. */
  readonly error: { readonly type: string; readonly message: string; readonly traceback: string | null }
  readonly retries: number
  readonly redeliveries: number
  /** The worker that gave up. */
  readonly worker: string
  /** Unix ms. */
  readonly failedMs: number
  /** The message as the broker held it. */
  readonly raw: Buffer | string
}

/** The letters to list; all conditions must match. */
export interface DeadLetterQuery extends PageRequest {
  readonly queue?: string
  readonly task?: string
  readonly reason?: DeadLetterReason
  /** Ids of letters or of their tasks, mixed. */
  readonly ids?: readonly string[]
  /** Unix ms. */
  readonly failedBeforeMs?: number
}

/** A store of dead letters; listings are newest first. */
export interface DeadLetterStore {
  add(letters: readonly DeadLetter[]): Promise<void>
  list(query: DeadLetterQuery): Promise<Page<DeadLetter>>
  /** Letters by queue. */
  count(): Promise<ReadonlyMap<string, number>>
  /** Removes and returns the letters with these ids, which are those of letters alone. */
  take(ids: readonly string[]): Promise<readonly DeadLetter[]>
}

/** A standalone store of dead letters, not in a broker. */
export interface OpenDeadLetterStore extends DeadLetterStore {
  /** Where it is, without the password. */
  readonly location: string
  close(): Promise<void>
}
