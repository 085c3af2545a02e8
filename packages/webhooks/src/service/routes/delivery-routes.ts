import type { OpenAPIHono } from '@hono/zod-openapi'
import { OPERATIONS } from '../contract/index.js'
import type { ServiceEnv, ServiceParts } from '../environment.js'

/** Deliveries, attempts and replays. */
export function addDeliveryRoutes(app: OpenAPIHono<ServiceEnv>, { hooks }: ServiceParts): void {
  const { deliveries } = hooks

  app.openapi(OPERATIONS.listDeliveries, async (c) => {
    const { tenant } = c.get('caller')
    const { state, ...query } = c.req.valid('query')
    return c.json(await deliveries.list({ tenant, ...query, ...(state ? { states: state } : {}) }), 200)
  })

  app.openapi(OPERATIONS.getDelivery, async (c) => {
    const { tenant } = c.get('caller')
    return c.json(await deliveries.get(c.req.valid('param').id, { tenant }), 200)
  })

  app.openapi(OPERATIONS.replayDelivery, async (c) => {
    const { tenant } = c.get('caller')
    await deliveries.replay(c.req.valid('param').id, { tenant, ...c.get('operation').once })
    return c.json({ taskId: null }, 202)
  })

  app.openapi(OPERATIONS.cancelDelivery, async (c) => {
    const { tenant } = c.get('caller')
    const { id } = c.req.valid('param')
    // A request that is repeated finds it cancelled, which is what it asked for.
    const isDone = c.get('operation').isAgain && (await deliveries.get(id, { tenant })).state === 'cancelled'
    if (!isDone) await deliveries.cancel(id, { tenant })
    return c.json(await deliveries.get(id, { tenant }), 200)
  })

  app.openapi(OPERATIONS.listAttempts, async (c) => {
    const { tenant } = c.get('caller')
    const { outcome, ...query } = c.req.valid('query')
    return c.json(
      await deliveries.attempts({ tenant, ...query, ...(outcome ? { outcomes: outcome } : {}) }),
      200,
    )
  })

  app.openapi(OPERATIONS.replayDeliveries, async (c) => {
    const { tenant } = c.get('caller')
    const { once } = c.get('operation')
    return c.json({ taskId: await deliveries.replayAll({ tenant, ...c.req.valid('json'), ...once }) }, 202)
  })
}
