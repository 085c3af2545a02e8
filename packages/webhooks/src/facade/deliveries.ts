import { WebhookError } from '../domain/index.js'
import type { WebhookStore } from '../store/index.js'
import type { ReplayQuery } from './replay-page.js'
import type { Deliveries, Events } from './webhooks.js'

/** The parts of this section of the facade. */
export interface DeliveriesParts {
  readonly store: () => Promise<WebhookStore>
  readonly now: () => number
  readonly publishReplay: (deliveryId: string, once?: string) => Promise<void>
  /** Resolves with the task's id. */
  readonly replayAll: (query: ReplayQuery, once?: string) => Promise<string>
  readonly release: (endpointId: string) => Promise<void>
}

/** The events section of the facade. */
export function eventsOf({ store }: Pick<DeliveriesParts, 'store'>): Events {
  return {
    async get(id, { tenant = 'default' } = {}) {
      return (await (await store()).events.get(tenant, id)) ?? fail('event', id)
    },
    async body(id, { tenant = 'default' } = {}) {
      return (await (await store()).events.body(tenant, id)) ?? fail('event', id)
    },
    async list({ tenant = 'default', ...query } = {}) {
      return (await store()).events.list({ tenant, ...query })
    },
  }
}

/** The deliveries section of the facade. */
export function deliveriesOf({ store, now, publishReplay, replayAll, release }: DeliveriesParts): Deliveries {
  const get: Deliveries['get'] = async (id, { tenant = 'default' } = {}) =>
    (await (await store()).deliveries.get(tenant, id)) ?? fail('delivery', id)
  return {
    get,
    async list({ tenant = 'default', ...query } = {}) {
      return (await store()).deliveries.list({ tenant, ...query })
    },
    async attempts({ tenant = 'default', ...query }) {
      const { deliveryId, eventId, endpointId } = query
      if ([deliveryId, eventId, endpointId].filter((id) => id !== undefined).length !== 1)
        throw new WebhookError('Attempts are listed by one of deliveryId, eventId and endpointId.', {
          code: 'LVG_WEBHOOK_INVALID',
          field: 'deliveryId',
        })
      return (await store()).deliveries.attempts({ tenant, ...query })
    },
    async replay(id, of) {
      await get(id, of)
      await publishReplay(id, of?.once)
    },
    async replayAll({
      tenant = 'default',
      endpointId,
      sinceMs,
      untilMs = now(),
      states = ['exhausted', 'cancelled', 'failed'],
      once,
    }) {
      const [endpoint] = await (await store()).endpoints.get([endpointId])
      if (endpoint?.tenant !== tenant) fail('endpoint', endpointId)
      return replayAll({ tenant, endpointId, sinceMs, untilMs, states }, once)
    },
    async cancel(id, of = {}) {
      const { state, endpointId } = await get(id, of)
      if (!(await (await store()).deliveries.cancel(of.tenant ?? 'default', id, now())))
        throw new WebhookError(`Delivery ${id} is not waiting: it is ${state}.`, {
          code: 'LVG_WEBHOOK_STATE',
          details: { id, state },
        })
      await release(endpointId)
    },
  }
}

function fail(what: string, id: string): never {
  throw new WebhookError(`There is no ${what} ${id}.`, {
    code: 'LVG_WEBHOOK_NOT_FOUND',
    field: 'id',
    details: { id },
  })
}
