import type { Fleet } from '../fleets/fleet.js'
import type { Action } from './action.js'
import type { ActionOutcome } from './dashboard-actions.js'
import { Refused } from './refused.js'

/** Actions on webhooks. */
export type WebhookAction = Extract<Action, { readonly kind: `webhook.${string}` }>

const done = (message: string, count: number | null = null): ActionOutcome => ({
  status: 'done',
  message,
  count,
})

/** Performs an action on endpoints and deliveries. @throws {Refused} when the dashboard watches no webhooks. */
export async function actOnWebhooks({ webhooks }: Fleet, action: WebhookAction): Promise<ActionOutcome> {
  if (!webhooks) throw new Refused('This dashboard watches no webhooks.')
  const of = action.tenant === undefined ? {} : { tenant: action.tenant }
  switch (action.kind) {
    case 'webhook.replay': {
      for (const id of action.ids) await webhooks.deliveries.replay(id, of)
      const { length } = action.ids
      return done(
        length === 1 ? 'The delivery is made once more.' : `${length} deliveries are made once more.`,
        length,
      )
    }
    case 'webhook.replay-all': {
      const { endpoint: endpointId, sinceMs } = action
      const taskId = await webhooks.deliveries.replayAll({ ...of, endpointId, sinceMs })
      return { ...done('What failed since then is sent again, by a task.'), taskId }
    }
    case 'webhook.cancel':
      await webhooks.deliveries.cancel(action.id, of)
      return done('The delivery is cancelled.', 1)
    case 'webhook.enable':
      await webhooks.endpoints.enable(action.endpoint, of)
      return done('The endpoint is enabled: what was held for it is sent.')
    case 'webhook.disable':
      await webhooks.endpoints.disable(action.endpoint, of)
      return done('The endpoint is disabled.')
  }
}
