import { dashboardApp, dashboardPages, type OpenDashboard, openDashboard } from '@lovage/dashboard'
import { basicAuth } from 'hono/basic-auth'
import { timingSafeEqual } from 'hono/utils/buffer'
import { app } from '../celery_app.js'

/** The path of the administration's pages. */
export const ADMINISTRATION = '/admin/dashboard'

let opening: Promise<{ readonly dashboard: OpenDashboard; readonly fetch: Fetch }> | undefined

type Fetch = (request: Request) => Response | Promise<Response>

/** Answers a request for a page of the administration. The history begins with the first request, and lies at DASHBOARD_DB. */
export async function administer(request: Request): Promise<Response> {
  opening ??= open().catch((error: unknown) => {
    opening = undefined
    throw error
  })
  return (await opening).fetch(request)
}

/** Writes what is pending of the history. */
export async function closeAdministration(): Promise<void> {
  await (await opening)?.dashboard.close()
}

async function open() {
  const dashboard = await openDashboard({
    fleets: [{ name: 'platform', app }],
    db: process.env.DASHBOARD_DB ?? 'var/dashboard',
    urlPrefix: ADMINISTRATION,
  })
  const { fetch } = dashboardApp(dashboard, {
    ...dashboardPages(),
    // A browser asks for the name and for the token of administrators.
    access: basicAuth({
      verifyUser: async (name, password, c) => {
        const token = process.env.ADMIN_TOKEN
        if (!token || !(await timingSafeEqual(password, token))) return false
        c.set('person', { name, role: 'admin' })
        return true
      },
    }),
  })
  return { dashboard, fetch: (request: Request) => fetch(request) }
}
