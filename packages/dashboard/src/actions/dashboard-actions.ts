import type { Person } from '../access/person.js'
import type { Action } from './action.js'

/** The outcome of an action. */
export interface ActionOutcome {
  readonly status: 'done' | 'begun' | 'refused' | 'invalid' | 'failed'
  /** One sentence for the user. */
  readonly message: string
  /** The number of tasks, messages or letters affected; null when it concerns none of these. */
  readonly count: number | null
  /** The background job that runs it. */
  readonly jobId?: string
  /** The task that was sent. */
  readonly taskId?: string
}

/** The number of items an action would affect, counted beforehand. */
export interface ActionCount {
  readonly count: number
  /** False when counting stopped at its limit: there are at least this many. */
  readonly isExact: boolean
}

/** The dashboard's actions. Each is checked against the person's role and read-only mode, and written to the audit log. */
export interface DashboardActions {
  /**
   * Performs one action; an action on everything that a search finds continues as a background job. Never throws for server or user
   * errors.
   */
  perform(person: Person, fleet: string | undefined, action: Action): Promise<ActionOutcome>
  /** Counts the affected items; an action on a search takes the number as `expected`. */
  count(fleet: string | undefined, action: Action): Promise<ActionCount>
}
