import type { Unsubscribe } from '../kernel/index.js'
import type { Entry } from './entry.js'

/** An entry to be written. */
export interface EntryPut {
  /** Its `revision` is that of the entry it was derived from; 0 = no entry of this name may exist. */
  readonly entry: Entry
  /** Restart point (Unix ms): written as anchor and cursor. Absent = the stored state stays. */
  readonly restartMs?: number
}

/** A step of an entry by a beat, or by an operator. */
export interface Advance {
  readonly name: string
  /** The cursor on which this step was based; if the store has another, nothing is written. */
  readonly fromCursorMs: number
  readonly cursorMs: number
  readonly anchorMs: number
  /** Absent when no run was made. */
  readonly run?: {
    /** null for a manual run, which is not a tick. */
    readonly tickMs: number | null
    readonly atMs: number
    readonly taskId: string
    /** The number of runs made. */
    readonly count: number
  }
}

/** The outcome of an advance. */
export interface AdvanceReply {
  /** The token is older than one that the store has seen: the caller no longer leads, and nothing was written. */
  readonly fenced: boolean
  /** Whether each advance was written. */
  readonly written: readonly boolean[]
}

/** A store of one app's entries. Every call is atomic. */
export interface ScheduleStore {
  readonly kind: string
  /** Where it is, without the password. */
  readonly location: string
  /** Returns all entries, removed ones too, by name. */
  load(): Promise<readonly Entry[]>
  /** Writes entries whose `revision` matches the stored one, and increments it. Returns for each whether it was written. */
  put(puts: readonly EntryPut[]): Promise<readonly boolean[]>
  /** Deletes entries for good if their revision matches; returns how many. */
  delete(entries: readonly Pick<Entry, 'name' | 'revision'>[]): Promise<number>
  /** Moves cursors. With a token, refused if the store has seen a greater token: the caller is a leader that woke up late. */
  advance(advances: readonly Advance[], token?: bigint): Promise<AdvanceReply>
  /** Calls `on` soon after another process put or deleted entries; a slow poll backs it up. */
  watch(on: () => void): Unsubscribe
  close(): Promise<void>
}
