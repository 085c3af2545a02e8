import type { OpenAPIHono } from '@hono/zod-openapi'
import { type NewSecret, WebhookError } from '../../domain/index.js'
import { internalsOf, type Webhooks } from '../../facade/index.js'
import type { StoredEndpoint, StoredSecret } from '../../store/index.js'
import { OPERATIONS } from '../contract/index.js'
import type { ServiceEnv, ServiceParts } from '../environment.js'

/** Endpoints and their secrets. */
export function addEndpointRoutes(app: OpenAPIHono<ServiceEnv>, { hooks }: ServiceParts): void {
  const { endpoints } = hooks

  app.openapi(OPERATIONS.createEndpoint, async (c) => {
    const { tenant } = c.get('caller')
    const operation = c.get('operation')
    const { id = operation.id('ep'), ...input } = c.req.valid('json')
    const before = operation.isAgain ? await storedEndpoint(hooks, tenant, id) : undefined
    if (before) {
      const shown = await endpoints.get(id, { tenant })
      return c.json(
        { endpoint: shown, secrets: before.secrets.map((secret) => revealed(hooks, secret)) },
        201,
      )
    }
    const { endpoint, secrets } = await endpoints.create({ ...input, id, tenant })
    return c.json({ endpoint, secrets: [...secrets] }, 201)
  })

  app.openapi(OPERATIONS.listEndpoints, async (c) => {
    const { tenant } = c.get('caller')
    return c.json(await endpoints.list({ tenant, ...c.req.valid('query') }), 200)
  })

  app.openapi(OPERATIONS.getEndpoint, async (c) => {
    const { tenant } = c.get('caller')
    return c.json(await endpoints.get(c.req.valid('param').id, { tenant }), 200)
  })

  app.openapi(OPERATIONS.updateEndpoint, async (c) => {
    const { tenant } = c.get('caller')
    return c.json(await endpoints.update(c.req.valid('param').id, c.req.valid('json'), { tenant }), 200)
  })

  app.openapi(OPERATIONS.deleteEndpoint, async (c) => {
    await endpoints.delete(c.req.valid('param').id, { tenant: c.get('caller').tenant })
    return c.body(null, 204)
  })

  app.openapi(OPERATIONS.listSecrets, async (c) => {
    const { tenant } = c.get('caller')
    return c.json({ items: [...(await endpoints.secrets(c.req.valid('param').id, { tenant }))] }, 200)
  })

  app.openapi(OPERATIONS.rotateSecret, async (c) => {
    const { tenant } = c.get('caller')
    const { id } = c.req.valid('param')
    const operation = c.get('operation')
    const secretId = operation.id('sec')
    const before = operation.isAgain ? await storedEndpoint(hooks, tenant, id) : undefined
    const secret = before?.secrets.find((each) => each.id === secretId)
    if (secret) return c.json(revealed(hooks, secret), 201)
    return c.json(await endpoints.rotateSecret(id, { tenant, ...c.req.valid('json'), id: secretId }), 201)
  })

  app.openapi(OPERATIONS.testEndpoint, async (c) => {
    const { tenant } = c.get('caller')
    const { atMs, id } = c.get('operation')
    const { type = 'webhook.test', ...body } = c.req.valid('json')
    // A type of the catalogue keeps what the catalogue says of it.
    const data =
      body.data === undefined || !hooks.types.includes(type)
        ? body
        : { data: await hooks.validate(type, body.data) }
    if (hooks.types.includes(type) && body.data === undefined)
      throw new WebhookError(`A test event of type ${type} needs data.`, {
        code: 'LVG_WEBHOOK_INVALID',
        field: 'data',
      })
    const sent = await endpoints.test(c.req.valid('param').id, {
      tenant,
      type,
      ...data,
      id: id('msg'),
      timestamp: new Date(atMs),
    })
    return c.json(sent, 202)
  })
}

async function storedEndpoint(
  hooks: Webhooks,
  tenant: string,
  id: string,
): Promise<StoredEndpoint | undefined> {
  const [endpoint] = await (await hooks.store()).endpoints.get([id])
  return endpoint?.tenant === tenant ? endpoint : undefined
}

/** A secret for the request that made it and did not live to show it. */
function revealed(hooks: Webhooks, { sealed, ...secret }: StoredSecret): NewSecret {
  const text = secret.scheme === 'v1' ? internalsOf(hooks).vault().open(sealed, secret.id) : null
  return { ...secret, secret: text }
}
