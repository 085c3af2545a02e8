import { type Context, Hono } from 'hono'
import type { DashboardEnv } from '../access/dashboard-env.js'
import { localPath } from '../access/local-path.js'
import { Action } from '../actions/action.js'
import type { DashboardParts } from '../opening/dashboard.js'
import { formAction } from './form-action.js'
import type { Outcomes } from './outcomes.js'
import { json } from './page-routes.js'
import { BadRequest, textOf, wantsJson } from './request-values.js'

const STATUS = { done: 200, begun: 200, refused: 403, invalid: 400, failed: 502 } as const

/** Action routes: JSON from programs, and forms from browsers, which are redirected back. */
export function actionRoutes({ actions, prefix }: DashboardParts, outcomes: Outcomes): Hono<DashboardEnv> {
  const app = new Hono<DashboardEnv>()
  app.post('/actions', async (c) => {
    const { action, back } = await actionOf(c)
    const outcome = await actions.perform(c.get('person'), textOf(c, 'fleet', 64), action)
    if (back === undefined || wantsJson(c)) return json(c, outcome, STATUS[outcome.status])
    return c.redirect(withSaid(prefix, back, outcomes.put(outcome)), 303)
  })
  app.post('/actions/count', async (c) => {
    const { action } = await actionOf(c)
    return json(c, await actions.count(textOf(c, 'fleet', 64), action))
  })
  return app
}

async function actionOf(c: Context): Promise<{ readonly action: Action; readonly back?: string }> {
  const isForm = /^(?:application\/x-www-form-urlencoded|multipart\/form-data)/.test(
    c.req.header('content-type') ?? '',
  )
  const form = isForm ? await c.req.parseBody({ all: true }) : undefined
  const parsed = Action.safeParse(form ? formAction(form) : await bodyOf(c))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new BadRequest(`Invalid action: ${issue?.path.join('.') || 'it'}: ${issue?.message}.`)
  }
  const back = form?.back
  return { action: parsed.data, ...(typeof back === 'string' ? { back } : {}) }
}

async function bodyOf(c: Context): Promise<unknown> {
  try {
    return await c.req.json()
  } catch {
    throw new BadRequest('The body is not JSON.')
  }
}

/** The redirect target of a browser: always a path of this dashboard, whatever the form contains. */
function withSaid(prefix: string, back: string, said: string): string {
  const target = new URL(localPath(prefix, back), 'http://here')
  target.searchParams.set('said', said)
  return `${target.pathname}${target.search}`
}
