import type { Role } from '../access/person.js'

/** An action and its user. */
export interface NewAuditEntry {
  /** Unix ms. */
  readonly ms: number
  readonly person: string
  readonly role: Role
  /** The action's kind: `task.revoke`, `queue.purge`. */
  readonly action: string
  /** Its target: an id, a queue, a search. */
  readonly target: string
  /** The number of tasks, messages or letters affected; null when it concerns none of these. */
  readonly count: number | null
  readonly outcome: 'done' | 'failed' | 'refused' | 'invalid' | 'begun'
  /** Further details: options, or the reason for a failure. Secrets hidden. */
  readonly details: string
}

/** An entry of the audit log. */
export interface AuditEntry extends NewAuditEntry {
  readonly key: number
}

/** A query for entries, newest first. */
export interface AuditQuery {
  readonly person?: string
  readonly action?: string
  readonly target?: string
  readonly limit: number
  /** Only entries with a smaller key. */
  readonly before?: number
}
