import type { Hono } from 'hono'
import type { DashboardEnv } from '../access/dashboard-env.js'
import type { DashboardActions } from '../actions/dashboard-actions.js'
import type { DashboardData } from '../data/dashboard-data.js'

/** The shared parts of the server. */
export interface DashboardParts {
  readonly data: DashboardData
  readonly actions: DashboardActions
  /** The dashboard's path prefix: empty, or `/flower`, without a trailing slash. Every link begins with it. */
  readonly prefix: string
}

/** The server as a Hono app. */
export type DashboardApp = Hono<DashboardEnv>
