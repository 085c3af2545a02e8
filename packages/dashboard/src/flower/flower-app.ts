import { type Context, Hono } from 'hono'
import type { DashboardEnv } from '../access/dashboard-env.js'
import { UnknownFleetError } from '../data/live-data.js'
import type { OpenDashboard } from '../opening/open-dashboard.js'
import { FlowerMetrics } from './flower-metrics.js'
import { FlowerError } from './flower-request.js'
import { type FlowerSource, taskRoutes } from './task-routes.js'
import { workerRoutes } from './worker-routes.js'

/** The Flower options that its interface honours. */
export interface FlowerOptions {
  /** Without any logins, the API is closed too, unless FLOWER_UNAUTHENTICATED_API opens it. */
  readonly isApiOpen: boolean
  readonly maxTasks: number
  readonly buckets?: readonly number[]
}

const NOT_OPEN =
  'FLOWER_UNAUTHENTICATED_API environment variable is required to enable API without authentication'

/** Flower's interface: `open` is public, `api` requires access. */
export interface FlowerApp {
  readonly open: Hono<DashboardEnv>
  readonly api: Hono<DashboardEnv>
}

/** Flower 2's REST interface, its metrics and its health check, under its paths. */
export function flowerApp(
  dashboard: OpenDashboard,
  { isApiOpen, maxTasks, buckets }: FlowerOptions,
): FlowerApp {
  const { fleets, fleetOf, readOnly } = dashboard
  const metrics = new Map(
    [...fleets].map(([name, fleet]) => {
      const counted = new FlowerMetrics(buckets)
      fleet.intake.gathering.onObserved = (observed) => counted.add(observed)
      return [name, counted] as const
    }),
  )
  const open = new Hono<DashboardEnv>()
  open.get('/metrics', (c) => {
    const fleet = fleetOf(c.req.query('fleet'))
    const workers = fleet.workers()
    const counted = metrics.get(fleet.name)
    return c.body(counted?.text(workers) ?? '', 200, { 'content-type': 'text/plain' })
  })
  open.get('/healthcheck', (c) => c.body('OK', 200, { 'content-type': 'text/html; charset=UTF-8' }))
  open.onError(said)

  const source: FlowerSource = {
    fleetOf,
    readOnly,
    maxTasks,
    audit: async (c, fleet, action, target) => {
      const { name, role } = c.get('person')
      const entry = {
        ms: fleet.app.clock.now(),
        person: name,
        role,
        action,
        target: target.slice(0, 500),
        count: 1,
        outcome: 'done',
        details: 'through Flower’s interface',
      } as const
      await fleet.tried('history', () => fleet.store.audit([entry]))
    },
  }
  const api = new Hono<DashboardEnv>()
  api.use('/api/*', async (c, next) => {
    if (c.req.method === 'OPTIONS') return c.body(null, 204)
    if (!isApiOpen) throw new FlowerError(401, NOT_OPEN)
    const { role } = c.get('person')
    if (c.req.method !== 'GET' && role === 'viewer')
      throw new FlowerError(403, 'The role viewer may not change anything')
    if (c.req.path.includes('/api/worker/') && role !== 'admin')
      throw new FlowerError(403, 'Workers are changed by the role admin')
    await next()
  })
  api.route('/', taskRoutes(source))
  api.route('/', workerRoutes(source))
  api.onError(said)
  return { open, api }
}

/** An error in Flower's form: text and status. */
function said(error: Error, c: Context): Response {
  if (error instanceof FlowerError)
    return c.body(error.message, error.status, { 'content-type': 'text/html; charset=UTF-8' })
  if (error instanceof UnknownFleetError)
    return c.body(error.message, 404, { 'content-type': 'text/html; charset=UTF-8' })
  throw error
}
