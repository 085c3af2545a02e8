import { type Context, Hono } from 'hono'
import type { DashboardEnv } from '../access/dashboard-env.js'
import { localPath } from '../access/local-path.js'
import { Action } from '../actions/action.js'
import type { ActionOutcome } from '../actions/dashboard-actions.js'
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
    const { back, ...asked } = await actionOf(c)
    const isProgram = back === undefined || wantsJson(c)
    if ('why' in asked && isProgram) throw new BadRequest(asked.why)
    const outcome: ActionOutcome =
      'why' in asked
        ? { status: 'invalid', message: asked.why, count: null }
        : await actions.perform(c.get('person'), textOf(c, 'fleet', 64), asked.action)
    if (isProgram) return json(c, outcome, STATUS[outcome.status])
    return c.redirect(withSaid(prefix, back, outcomes.put(outcome)), 303)
  })
  app.post('/actions/count', async (c) => {
    const asked = await actionOf(c)
    if ('why' in asked) throw new BadRequest(asked.why)
    return json(c, await actions.count(textOf(c, 'fleet', 64), asked.action))
  })
  return app
}

type Asked = ({ readonly action: Action } | { readonly why: string }) & { readonly back?: string }

async function actionOf(c: Context): Promise<Asked> {
  const isForm = /^(?:application\/x-www-form-urlencoded|multipart\/form-data)/.test(
    c.req.header('content-type') ?? '',
  )
  const form = isForm ? await c.req.parseBody({ all: true }) : undefined
  const parsed = Action.safeParse(form ? formAction(form) : await bodyOf(c))
  const to = typeof form?.back === 'string' ? { back: form.back } : {}
  if (parsed.success) return { action: parsed.data, ...to }
  const [issue] = parsed.error.issues
  const path = issue?.path.join('.') ?? ''
  const isUnticked = form && form.ids === undefined && form.expected === undefined
  if (isUnticked && TARGETS.has(path)) return { why: 'Nothing is selected: tick what is meant first.', ...to }
  return { why: `Invalid action: ${path || 'it'}: ${issue?.message}.`, ...to }
}

/** What a form names by ticks. */
const TARGETS: ReadonlySet<string> = new Set(['tasks', 'letters', 'ids'])

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
