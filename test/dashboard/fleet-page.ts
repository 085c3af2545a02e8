import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DashboardEnv, dashboardApp, openDashboard, type Person } from '@lovage/dashboard'
import type { MiddlewareHandler } from 'hono'
import type { Lovage } from 'lovage'

/** A dashboard of a test, asked without a network: what its pages say as JSON. */
export interface AskedDashboard extends AsyncDisposable {
  readonly folder: string
  get(path: string): Promise<{ readonly status: number; readonly body: Page }>
  act(action: object, fleet?: string): Promise<{ readonly status: number; readonly body: Outcome }>
  post(path: string, body: object): Promise<{ readonly status: number; readonly body: Outcome & Page }>
  close(): Promise<void>
}

/** A page's JSON, as far as tests look at it: they say what they expect of it. */
export type Page = {
  readonly data: Record<string, unknown> & { readonly items: readonly Record<string, unknown>[] }
} & Record<string, unknown>
export interface Outcome {
  readonly status: string
  readonly message: string
  readonly count: number | null
  readonly jobId?: string
  readonly taskId?: string
}

/** Opens a dashboard on apps by name. */
export async function askDashboard(
  apps: Readonly<Record<string, Lovage>>,
  {
    folder = mkdtempSync(join(tmpdir(), 'lovage-dashboard-')),
    person = { name: 'ada', role: 'admin' },
    ...options
  }: {
    readonly folder?: string
    readonly person?: Person
    readonly readOnly?: boolean
    readonly enableEvents?: boolean
    readonly redact?: readonly string[]
    /** Default: files in the folder. */
    readonly db?: string
  } = {},
): Promise<AskedDashboard> {
  const fleets = Object.entries(apps).map(([name, app]) => ({ name, app }))
  const dashboard = await openDashboard({ fleets, db: join(folder, 'history'), ...options })
  const access: MiddlewareHandler<DashboardEnv> = async (c, next) => {
    c.set('person', person)
    await next()
  }
  const app = dashboardApp(dashboard, { access, views: {} })
  const ask = async (path: string, init?: RequestInit) => {
    const response = await app.request(path, init)
    return { status: response.status, body: (await response.json()) as Page & Outcome }
  }
  const post = (path: string, body: object) =>
    ask(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
  return {
    folder,
    get: ask,
    post,
    act: (action, fleet) => post(`/actions${fleet === undefined ? '' : `?fleet=${fleet}`}`, action),
    close: () => dashboard.close(),
    async [Symbol.asyncDispose]() {
      await dashboard.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
