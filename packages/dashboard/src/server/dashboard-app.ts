import { Hono, type MiddlewareHandler } from 'hono'
import type { DashboardApp, DashboardEnv } from '../dashboard.js'
import type { OpenDashboard } from '../open-dashboard.js'
import { actionRoutes } from './action-routes.js'
import { Outcomes } from './outcomes.js'
import { json, pageRoutes } from './page-routes.js'
import type { PageViews } from './page-views.js'
import { BadRequest } from './request-values.js'

/** What the server is made of besides the data. */
export interface ServerParts {
  /** Says who asks, and refuses whom it does not know: sets `person`. Runs before everything but what Flower leaves open. */
  readonly access: MiddlewareHandler<DashboardEnv>
  readonly views: PageViews
  /** Routes that come before the pages: assets, the login, Flower's interface. */
  readonly before?: readonly Hono<DashboardEnv>[]
}

/** The whole server as an app of hono's, under its prefix. */
export function dashboardApp(
  dashboard: OpenDashboard,
  { access, views, before = [] }: ServerParts,
): DashboardApp {
  const outcomes = new Outcomes()
  const app = new Hono<DashboardEnv>()
  for (const routes of before) app.route('/', routes)
  app.use(access)
  app.route('/', actionRoutes(dashboard, outcomes))
  app.route('/', pageRoutes(dashboard, views, outcomes))
  app.onError((error, c) => {
    if (error instanceof BadRequest) return json(c, { error: error.message }, 400)
    dashboard.fleetOf(undefined).app.logger.error({ err: error, path: c.req.path }, 'a request has failed')
    return json(c, { error: 'The dashboard has failed; its log says why.' }, 500)
  })
  if (dashboard.prefix === '') return app
  const outer = new Hono<DashboardEnv>()
  outer.get('/', (c) => c.redirect(`${dashboard.prefix}/`))
  outer.get(dashboard.prefix, (c) => c.redirect(`${dashboard.prefix}/`))
  outer.mount(dashboard.prefix, app.fetch)
  return outer
}
