import { Hono } from 'hono'
import { answerScale } from 'lovage/driver'
import type { DashboardEnv } from '../access/dashboard-env.js'
import { UnknownFleetError } from '../data/live-data.js'
import type { OpenDashboard } from '../opening/open-dashboard.js'
import { json } from './page-routes.js'

/** `/scale/<queue>`, as workers and the exporter serve it: the load for an autoscaler, 503 when it is unknown, never 0. */
export function scaleRoutes({ fleetOf, prefix }: OpenDashboard): Hono<DashboardEnv> {
  const app = new Hono<DashboardEnv>()
  app.get('/scale/:queues{.+}', async (c) => {
    const { pathname, searchParams } = new URL(c.req.url)
    const fleet = searchParams.get('fleet') ?? undefined
    searchParams.delete('fleet')
    const path = pathname.startsWith(`${prefix}/scale/`) ? pathname.slice(prefix.length) : pathname
    const { status, body, type } = await answerScale(fleetOf(fleet).app, path, searchParams)
    // A number of HTTP, as the page server sends it.
    return new Response(body, { status, headers: { 'content-type': type } })
  })
  app.onError((error, c) => {
    if (error instanceof UnknownFleetError) return json(c, { error: error.message }, 404)
    throw error
  })
  return app
}
