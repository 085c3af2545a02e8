import type { OpenAPIHono } from '@hono/zod-openapi'
import { OPERATIONS } from '../contract/index.js'
import type { ServiceEnv, ServiceParts } from '../environment.js'
import { portalLink } from '../portal-links.js'

/** Links to the portal. */
export function addPortalRoutes(app: OpenAPIHono<ServiceEnv>, { hooks, publicUrl }: ServiceParts): void {
  app.openapi(OPERATIONS.createPortalLink, (c) => {
    const { path, expiresAtMs } = portalLink(hooks, c.get('caller').tenant, c.req.valid('json').ttlMs)
    return c.json({ url: `${publicUrl(c)}${path}`, expiresAtMs }, 201)
  })
}
