import type { Hono } from 'hono'
import type { Person } from './access/person.js'
import type { DashboardActions } from './actions/dashboard-actions.js'
import type { DashboardData } from './data/dashboard-data.js'

/** What requests carry from one handler to the next. */
export interface DashboardEnv {
  Variables: {
    /** Who asks; set before any handler of a page or of an API runs. */
    person: Person
    /** Stands in `nonce` of the few styles and scripts, and in the Content-Security-Policy. */
    nonce: string
  }
}

/** What the parts of the server share. */
export interface DashboardParts {
  readonly data: DashboardData
  readonly actions: DashboardActions
  /** Where the dashboard stands: empty, or `/flower`, without a slash at its end. Every link begins with it. */
  readonly prefix: string
}

/** The server as an app of hono's. */
export type DashboardApp = Hono<DashboardEnv>
