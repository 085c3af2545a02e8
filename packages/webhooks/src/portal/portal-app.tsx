import { readFileSync } from 'node:fs'
import { type Context, Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import { type DeliveryState, newId, WebhookError } from '../domain/index.js'
import type { Webhooks } from '../facade/index.js'
import { readBody } from '../service/index.js'
import { DeliveryPage } from './delivery-page.js'
import { fieldsOf } from './endpoint-form.js'
import { EndpointPage, EndpointsPage, SecretPage } from './endpoint-pages.js'
import { Problem } from './layout.js'
import { enter, isOwnForm, leave, type Session, sessionOf } from './session.js'

/** The options of the portal. */
export interface PortalOptions {
  /** The service's origin as visitors see it; with `https:` the cookie is sent there only. Default: that of each request. */
  readonly publicUrl?: string
}

interface PortalEnv {
  Variables: { session: Session; form: URLSearchParams }
}
type C = Context<PortalEnv>

const MAX_FORM_BYTES = 16_384
/** Remarks after a redirect, by name, so that a link cannot put words into the page. */
const SAID: Readonly<Record<string, string>> = {
  saved: 'It is saved.',
  tested: 'A test event is on its way.',
  again: 'It is sent again: reload for the answer.',
  deleted: 'The endpoint is deleted.',
}

/**
 * The portal of tenants as an app of hono's, below `/portal`: endpoints, secrets, attempts, replays. It is entered by a link of
 * `lovage-webhooks portal` or `POST /v1/portal-links`, works without scripts, and shows one tenant.
 *
 * @example
 * import { webhooks } from '@lovage/webhooks'
 * import { portalApp } from '@lovage/webhooks/portal'
 * const portal = portalApp(webhooks(app))
 */
export function portalApp(hooks: Webhooks, { publicUrl }: PortalOptions = {}): Hono {
  const app = new Hono<PortalEnv>().basePath('/portal')
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
      referrerPolicy: 'no-referrer',
      xFrameOptions: 'DENY',
    }),
  )
  const css = readFileSync(new URL('./assets/portal.css', import.meta.url), 'utf8')
  app.get('/assets/portal.css', (c) =>
    c.body(css, 200, { 'content-type': 'text/css; charset=utf-8', 'cache-control': 'max-age=3600' }),
  )
  app.use(async (c, next) => {
    await next()
    // Pages show what one tenant may see.
    c.res.headers.set('cache-control', 'no-store')
  })
  app.onError((error, c) => problem(c as unknown as C, hooks, error))
  app.get('/open', async (c) => {
    const isSecure = (publicUrl ?? c.req.url).startsWith('https:')
    return enter(c, hooks, isSecure) ? c.redirect('/portal', 303) : shut(c)
  })
  app.use(async (c, next) => {
    const session = sessionOf(c, hooks)
    if (!session) return shut(c)
    c.set('session', session)
    if (c.req.method === 'POST') {
      const form = new URLSearchParams(await readBody(c.req.raw, MAX_FORM_BYTES))
      if (!isOwnForm(session, form.get('token') ?? ''))
        throw new WebhookError('This form is of another session: go back, reload, and send it again.', {
          code: 'LVG_WEBHOOK_FORBIDDEN',
        })
      c.set('form', form)
    }
    return next()
  })
  addPages(app, hooks)
  addActions(app, hooks)
  app.notFound((c) => shown(c, <Problem title="Not found" message="There is nothing here." />, 404))
  // Its own variables are set by its own layers.
  return app as unknown as Hono
}

function addPages(
  app: Hono<PortalEnv>,
  { endpoints, deliveries, events, types, app: { clock } }: Webhooks,
): void {
  const said = (c: C) => SAID[c.req.query('said') ?? '']
  const afterOf = (c: C) => {
    const after = c.req.query('after')
    return after === undefined ? {} : { after }
  }
  app.get('/', async (c) => {
    const session = c.get('session')
    const listed = await endpoints.list({ tenant: session.tenant, ...afterOf(c) })
    const made = newId('ep', clock.now())
    return shown(
      c,
      <EndpointsPage session={session} endpoints={listed} types={types} newId={made} said={said(c)} />,
    )
  })

  app.get('/endpoints/:id', async (c) => {
    const session = c.get('session')
    const id = c.req.param('id')
    const endpoint = await endpoints.get(id, session)
    const state = /^(failed|exhausted|held|success)$/.exec(c.req.query('state') ?? '')?.[0] ?? ''
    const listed = await deliveries.list({
      tenant: session.tenant,
      endpointId: id,
      limit: 25,
      ...afterOf(c),
      // The expression lets through these states only.
      ...(state === '' ? {} : { states: [state as DeliveryState] }),
    })
    const secrets = await endpoints.secrets(id, session)
    return shown(
      c,
      <EndpointPage
        session={session}
        endpoint={endpoint}
        secrets={secrets}
        deliveries={listed}
        state={state}
        types={types}
        said={said(c)}
      />,
    )
  })

  app.get('/deliveries/:id', async (c) => {
    const session = c.get('session')
    const delivery = await deliveries.get(c.req.param('id'), session)
    const attempts = await deliveries.attempts({
      tenant: session.tenant,
      deliveryId: delivery.id,
      limit: 25,
      ...afterOf(c),
    })
    const bytes = await events.body(delivery.eventId, session).catch((error: unknown) => {
      if (error instanceof WebhookError && error.code === 'LVG_WEBHOOK_NOT_FOUND') return null
      throw error
    })
    const body = bytes && Buffer.from(bytes).toString('utf8')
    return shown(
      c,
      <DeliveryPage session={session} delivery={delivery} body={body} attempts={attempts} said={said(c)} />,
    )
  })
}

function addActions(app: Hono<PortalEnv>, { endpoints, deliveries }: Webhooks): void {
  const to = (c: C, id: string, said: string) =>
    c.redirect(`/portal/endpoints/${encodeURIComponent(id)}?said=${said}`, 303)

  app.post('/endpoints', async (c) => {
    const session = c.get('session')
    const id = c.get('form').get('id') ?? ''
    const { endpoint, secrets } = await endpoints.create({
      ...fieldsOf(c.get('form')),
      id,
      tenant: session.tenant,
    })
    return shown(c, <SecretPage session={session} endpointId={endpoint.id} secrets={secrets} />, 201)
  })
  app.post('/endpoints/:id', async (c) => {
    await endpoints.update(c.req.param('id'), fieldsOf(c.get('form')), c.get('session'))
    return to(c, c.req.param('id'), 'saved')
  })
  app.post('/endpoints/:id/rotate', async (c) => {
    const session = c.get('session')
    const secret = await endpoints.rotateSecret(c.req.param('id'), session)
    return shown(c, <SecretPage session={session} endpointId={secret.endpointId} secrets={[secret]} />, 201)
  })
  for (const act of ['enable', 'disable'] as const)
    app.post(`/endpoints/:id/${act}`, async (c) => {
      const id = c.req.param('id') ?? ''
      await endpoints[act](id, { tenant: c.get('session').tenant })
      return to(c, id, 'saved')
    })
  app.post('/endpoints/:id/test', async (c) => {
    await endpoints.test(c.req.param('id'), { tenant: c.get('session').tenant })
    return to(c, c.req.param('id'), 'tested')
  })
  app.post('/endpoints/:id/delete', async (c) => {
    await endpoints.delete(c.req.param('id'), c.get('session'))
    return c.redirect('/portal?said=deleted', 303)
  })
  app.post('/deliveries/:id/replay', async (c) => {
    const id = c.req.param('id')
    await deliveries.replay(id, { tenant: c.get('session').tenant })
    return c.redirect(`/portal/deliveries/${encodeURIComponent(id)}?said=again`, 303)
  })
  app.post('/leave', (c) => {
    leave(c)
    return shown(c, <Problem title="Goodbye" message="The session is ended." />, 200)
  })
}

type Status = 200 | 201 | 400 | 403 | 404 | 409 | 413 | 500

async function shown(c: Context, page: unknown, status: Status = 200): Promise<Response> {
  return c.html(String(await page), status)
}

const shut = (c: Context) =>
  shown(
    c,
    <Problem
      title="This link has ended"
      message="Ask for a new link to the portal: each opens it for a short time."
    />,
    403,
  )

const STATUS: Readonly<Record<string, Status>> = {
  LVG_WEBHOOK_INVALID: 400,
  LVG_WEBHOOK_BLOCKED_URL: 400,
  LVG_WEBHOOK_FORBIDDEN: 403,
  LVG_WEBHOOK_NOT_FOUND: 404,
  LVG_WEBHOOK_CONFLICT: 409,
  LVG_WEBHOOK_STATE: 409,
  LVG_WEBHOOK_TOO_LARGE: 413,
}

function problem(c: C, hooks: Webhooks, error: unknown): Promise<Response> {
  // Set for all but those without a session.
  const session = c.get('session') as Session | undefined
  const status = error instanceof WebhookError ? STATUS[error.code] : undefined
  if (error instanceof WebhookError && status !== undefined) {
    const message =
      error.code === 'LVG_WEBHOOK_CONFLICT'
        ? 'This endpoint is added already. Its secret was shown then; “New secret” makes another.'
        : error.message
    return shown(c, <Problem title="It was not done" message={message} session={session} />, status)
  }
  hooks.app.logger.error({ err: error, path: c.req.path }, 'a page of the webhooks portal failed')
  return shown(
    c,
    <Problem title="It has failed" message="The fault is ours; try it later." session={session} />,
    500,
  )
}
