import type { Unsubscribe } from '../kernel/index.js'
import type { Entry } from './entry.js'

/** An entry to be written. */
export interface EntryPut {
  /** Its `revision` is that of the entry it was made from; 0 = there must be none of this name. */
  readonly entry: Entry
  /** Count from here (Unix ms): written as anchor and cursor. Absent = the stored state stays. */
  readonly restartMs?: number
}

/** What a beat, or an operator's hand, did with an entry. */
export interface Advance {
  readonly name: string
  /** The cursor from which this was decided; when the store has another, nothing is written. */
  readonly fromCursorMs: number
  readonly cursorMs: number
  readonly anchorMs: number
  /** Absent when no run was made. */
  readonly run?: {
    /** null for a run by hand, which is no tick. */
    readonly tickMs: number | null
    readonly atMs: number
    readonly taskId: string
    /** How many runs were made. */
    readonly count: number
  }
}

/** How an advance ended. */
export interface AdvanceReply {
  /** The token is older than one that the store has seen: the caller leads no more, and nothing was written. */
  readonly fenced: boolean
  /** For each advance whether it was written. */
  readonly written: readonly boolean[]
}

/** Where the entries of one app are kept. Every call is atomic. */
export interface ScheduleStore {
  readonly kind: string
  /** Where it is, without the password. */
  readonly location: string
  /** All entries, removed ones too, by name. */
  load(): Promise<readonly Entry[]>
  /** Writes entries whose `revision` is the stored one, and counts it up. For each whether it was written. */
  put(puts: readonly EntryPut[]): Promise<readonly boolean[]>
  /** Deletes entries for good if their revision is the given one; tells how many. */
  delete(entries: readonly Pick<Entry, 'name' | 'revision'>[]): Promise<number>
  /** Moves cursors. With a token it is refused when a greater token has been here: a leader that woke up late. */
  advance(advances: readonly Advance[], token?: bigint): Promise<AdvanceReply>
  /** Calls `on` soon after somebody else put or deleted entries; a slow poll stands behind it. */
  watch(on: () => void): Unsubscribe
  close(): Promise<void>
}
