import { Hono, type MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { secureHeaders } from 'hono/secure-headers'
import type { DashboardEnv } from '../access/dashboard-env.js'
import { Invalid } from '../actions/refused.js'
import type { DashboardApp } from '../opening/dashboard.js'
import type { OpenDashboard } from '../opening/open-dashboard.js'
import { actionRoutes } from './action-routes.js'
import { openApiRoutes } from './openapi.js'
import { Outcomes } from './outcomes.js'
import { json, pageRoutes } from './page-routes.js'
import type { PageViews } from './page-views.js'
import { BadRequest } from './request-values.js'
import { scaleRoutes } from './scale-routes.js'

/** The parts of the server other than the data. */
export interface ServerParts {
  /** Authenticates the user and sets `person`, or refuses. Runs before everything but `open`. */
  readonly access: MiddlewareHandler<DashboardEnv>
  readonly views: PageViews
  /** Public routes: assets, the login, Flower's metrics. */
  readonly open?: readonly Hono<DashboardEnv>[]
  /** Routes before the pages, for authenticated users: Flower's interface. */
  readonly routes?: readonly Hono<DashboardEnv>[]
}

/** Pages load styles, scripts and data only from this server, have none inline, and cannot be framed by another site. */
const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    styleSrc: ["'self'"],
    scriptSrc: ["'self'"],
    imgSrc: ["'self'"],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
    baseUri: ["'none'"],
  },
  referrerPolicy: 'same-origin',
  xFrameOptions: 'DENY',
})

/**
 * The whole server as an app of hono's, under its prefix.
 *
 * @example
 * import { dashboardApp, openDashboard } from '@lovage/dashboard'
 * const { fetch } = dashboardApp(await openDashboard({ fleets: [{ name: 'shop', app }] }), {
 *   access: async (c, next) => {
 *     c.set('person', { name: 'ada', role: 'operator' })
 *     await next()
 *   },
 *   views: {},
 * })
 */
export function dashboardApp(
  dashboard: OpenDashboard,
  { access, views, open = [], routes = [] }: ServerParts,
): DashboardApp {
  const outcomes = new Outcomes()
  const app = new Hono<DashboardEnv>()
  app.use(headers)
  for (const one of open) app.route('/', one)
  app.use(access)
  for (const one of routes) app.route('/', one)
  app.route('/', scaleRoutes(dashboard))
  app.route('/', openApiRoutes(dashboard.prefix))
  app.route('/', actionRoutes(dashboard, outcomes))
  app.route('/', pageRoutes(dashboard, views, outcomes))
  app.onError((error, c) => {
    // An `access` of hono's refuses by throwing its answer.
    if (error instanceof HTTPException) return error.getResponse()
    if (error instanceof BadRequest || error instanceof Invalid) return json(c, { error: error.message }, 400)
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
