import type { Hono } from 'hono'
import type { Person } from './access/person.js'
import type { DashboardActions } from './actions/dashboard-actions.js'
import type { DashboardData } from './data/dashboard-data.js'

/** The variables passed between request handlers. */
export interface DashboardEnv {
  Variables: {
    /** The user; set before any page or API handler runs. */
    person: Person
    /** The `nonce` of the few styles and scripts, and of the Content-Security-Policy. */
    nonce: string
  }
}

/** The shared parts of the server. */
export interface DashboardParts {
  readonly data: DashboardData
  readonly actions: DashboardActions
  /** The dashboard's path prefix: empty, or `/flower`, without a trailing slash. Every link begins with it. */
  readonly prefix: string
}

/** The server as a Hono app. */
export type DashboardApp = Hono<DashboardEnv>
