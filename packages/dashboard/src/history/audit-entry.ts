import type { Role } from '../access/person.js'

/** What was done, and by whom. */
export interface NewAuditEntry {
  /** Unix ms. */
  readonly ms: number
  readonly person: string
  readonly role: Role
  /** The action's kind: `task.revoke`, `queue.purge`. */
  readonly action: string
  /** What it was done to: an id, a queue, a search. */
  readonly target: string
  /** How many tasks, messages or letters it reached; null when it is none of these. */
  readonly count: number | null
  readonly outcome: 'done' | 'failed' | 'refused' | 'begun'
  /** What else was said: options, or the reason of a failure. Secrets hidden. */
  readonly details: string
}

/** An entry of the audit log. */
export interface AuditEntry extends NewAuditEntry {
  readonly key: number
}

/** Which entries, newest first. */
export interface AuditQuery {
  readonly person?: string
  readonly action?: string
  readonly target?: string
  readonly limit: number
  /** Only entries with a smaller key. */
  readonly before?: number
}
