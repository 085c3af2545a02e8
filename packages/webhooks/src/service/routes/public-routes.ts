import type { OpenAPIHono } from '@hono/zod-openapi'
import { OPERATIONS } from '../contract/index.js'
import type { ServiceEnv, ServiceParts } from '../environment.js'

/** Routes that need no key. */
export function addPublicRoutes(app: OpenAPIHono<ServiceEnv>, { hooks }: ServiceParts): void {
  app.openapi(OPERATIONS.getHealth, async (c) => {
    try {
      const store = await hooks.store()
      await store.documents.get('health', 'health', hooks.app.clock.now())
      return c.json({ status: 'ok' as const, store: store.kind }, 200)
    } catch (error) {
      hooks.app.logger.error({ err: error }, 'the store of webhooks does not answer')
      return c.json({ status: 'unavailable' as const, store: null }, 503)
    }
  })

  app.openapi(OPERATIONS.getKeySet, async (c) => {
    const { keys } = await hooks.keySet(c.req.valid('param').id)
    c.header('cache-control', 'public, max-age=300')
    return c.json({ keys: [...keys] }, 200)
  })
}
