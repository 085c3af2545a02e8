import type { Person } from '../access/person.js'
import type { Action } from './action.js'

/** What became of an action. */
export interface ActionOutcome {
  readonly status: 'done' | 'begun' | 'refused' | 'failed'
  /** One sentence for whoever asked. */
  readonly message: string
  /** How many tasks, messages or letters it reached; null when it is none of these. */
  readonly count: number | null
  /** The background job that does it. */
  readonly jobId?: string
  /** The task that was sent. */
  readonly taskId?: string
}

/** How much an action would reach, counted before it is done. */
export interface ActionCount {
  readonly count: number
  /** False when counting ended at its bound: there are at least so many. */
  readonly isExact: boolean
}

/** What the dashboard changes. Everything is checked for the person's role and for read-only mode, and written to the audit log. */
export interface DashboardActions {
  /** Does one thing; what reaches everything that a search finds goes on as a background job. Never throws for what a server or the person did. */
  perform(person: Person, fleet: string | undefined, action: Action): Promise<ActionOutcome>
  /** Counts first; an action on a search takes the number as `expected`. */
  count(fleet: string | undefined, action: Action): Promise<ActionCount>
}
