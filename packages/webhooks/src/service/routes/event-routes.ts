import { type OpenAPIHono, z } from '@hono/zod-openapi'
import { WebhookError } from '../../domain/index.js'
import { type EventSchemas, internalsOf } from '../../facade/index.js'
import { OPERATIONS } from '../contract/index.js'
import type { ServiceEnv, ServiceParts } from '../environment.js'
import { rawMember } from '../raw-member.js'

/** Event types and events. */
export function addEventRoutes(app: OpenAPIHono<ServiceEnv>, { hooks }: ServiceParts): void {
  const { events } = hooks

  app.openapi(OPERATIONS.listEventTypes, (c) => {
    const { events: schemas } = internalsOf(hooks)
    return c.json({ items: hooks.types.map((name) => ({ name, schema: jsonSchemaOf(schemas, name) })) }, 200)
  })

  app.openapi(OPERATIONS.sendEvent, async (c) => {
    const { tenant } = c.get('caller')
    const operation = c.get('operation')
    const { type, data, timestamp: given, id = operation.id('msg'), ...options } = c.req.valid('json')
    if (data === undefined)
      throw new WebhookError('An event has data: an object, or null.', {
        code: 'LVG_WEBHOOK_INVALID',
        field: 'data',
      })
    const timestamp = new Date(given ?? operation.atMs)
    const of = { tenant, id, ...options }
    if (options.endpointId !== undefined) await hooks.endpoints.get(options.endpointId, { tenant })
    if (hooks.types.length > 0) return c.json(await hooks.send({ type, data, timestamp }, of), 202)
    // Without a catalogue the data is sent as it was written, with every digit of its numbers.
    const raw = rawMember(c.get('bodyText'), 'data') ?? 'null'
    const body = `{"type":${JSON.stringify(type)},"timestamp":"${timestamp.toISOString()}","data":${raw}}`
    return c.json(await hooks.sendBytes({ type, body: Buffer.from(body) }, of), 202)
  })

  app.openapi(OPERATIONS.listEvents, async (c) => {
    const { tenant } = c.get('caller')
    const { type, ...query } = c.req.valid('query')
    return c.json(await events.list({ tenant, ...query, ...(type ? { types: type } : {}) }), 200)
  })

  app.openapi(OPERATIONS.getEvent, async (c) => {
    const { tenant } = c.get('caller')
    return c.json(await events.get(c.req.valid('param').id, { tenant }), 200)
  })

  app.openapi(OPERATIONS.getEventBody, async (c) => {
    const bytes = await events.body(c.req.valid('param').id, { tenant: c.get('caller').tenant })
    return c.body(Uint8Array.from(bytes), 200, { 'content-type': 'application/octet-stream' })
  })
}

function jsonSchemaOf(schemas: EventSchemas | null, name: string): Record<string, unknown> | null {
  const schema = schemas?.[name]
  if (schema === undefined || !('_zod' in schema)) return null
  try {
    // A schema with `_zod` is one of zod 4's.
    return z.toJSONSchema(schema as unknown as z.ZodType, { io: 'input', unrepresentable: 'any' })
  } catch {
    // For example a schema of another major version: its name is still known.
    return null
  }
}
