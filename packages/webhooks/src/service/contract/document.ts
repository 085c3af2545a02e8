import { OpenAPIHono } from '@hono/zod-openapi'
import { OPERATIONS, SCOPES } from './operations.js'

const DESCRIPTION = `Webhooks: endpoints, events, deliveries and their attempts, of one tenant.

Requests carry an API key, \`authorization: Bearer lwk_…\`, made by \`lovage-webhooks keys create\`. A key belongs to one tenant; an
operator's key, made with \`--tenant '*'\`, names the tenant of each request in the header \`lovage-tenant\`.

Bodies are JSON in UTF-8. Every error is an object \`error\` with \`code\`, \`message\`, \`field\` and \`hint\`. Listings are paged by key: \`next\`
of one page is \`after\` of the next.

POST requests may carry an \`Idempotency-Key\`: within twelve hours the same key and request get the same answer, also after a crash; the
same key with another request gets 422, and one that is still being answered gets 409.

Rate limits are by key; 429 answers say in \`retry-after\` when to come back.`

/**
 * The interface as an OpenAPI 3.1 document, from the contract alone.
 *
 * @example
 * import { openApiDocument } from '@lovage/webhooks/service'
 * console.log(JSON.stringify(openApiDocument('1.0.0')))
 */
export function openApiDocument(version: string): Readonly<Record<string, unknown>> {
  const app = new OpenAPIHono()
  for (const operation of Object.values(OPERATIONS)) app.openAPIRegistry.registerPath(withHeaders(operation))
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
    description: `An API key. Scopes: ${SCOPES.join(', ')}.`,
  })
  return Object.fromEntries(
    Object.entries(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: { title: 'Lovage webhooks', version, description: DESCRIPTION, license: { name: 'MIT' } },
      }),
    ),
  )
}

type Operation = (typeof OPERATIONS)[keyof typeof OPERATIONS]

/** Headers stand in the document; they are read before any operation, not by each. */
function withHeaders(operation: Operation) {
  if (operation.security.length === 0) return operation
  const header = (name: string, description: string) =>
    ({ name, in: 'header', required: false, schema: { type: 'string' }, description }) as const
  return {
    ...operation,
    parameters: [
      header('lovage-tenant', 'The tenant, for an operator’s key'),
      ...(operation.method === 'post'
        ? [header('idempotency-key', 'At most 255 characters; see the description of the interface')]
        : []),
    ],
  }
}
