import { webhooks } from '@lovage/webhooks'
import { contract } from 'lovage'
import { app } from '../app.js'

const { DATABASE_URL, ALLOW_HTTP, ALLOWED_CIDRS = '', CIRCUIT_SECONDS = '60' } = process.env

/** An event as partners get it, unchanged. */
export interface EventData {
  /** Such as `application.submitted`. */
  readonly event: string
  readonly partner_id: string
  readonly data: Readonly<Record<string, unknown>>
  /** ISO 8601. */
  readonly timestamp: string
}

/**
 * Webhooks of this app, with their tasks `webhooks.deliver_event`, `webhooks.retry_failed_deliveries` (every five minutes) and
 * `webhooks.cleanup_old_deliveries` (daily, what is older than 90 days).
 */
export const hooks = webhooks(app, {
  ...(DATABASE_URL ? { store: DATABASE_URL } : {}),
  rules: { circuitOpenMs: Number(CIRCUIT_SECONDS) * 1000 },
  allowHttp: ALLOW_HTTP === '1',
  allowedCidrs: ALLOWED_CIDRS.split(',').filter((range) => range !== ''),
})

/** `deliverWebhookEvent.delay(webhookId, eventData)`: delivers an event to one endpoint. */
export const deliverWebhookEvent = app.remote(
  contract<[webhook_id: string, event_data: EventData], { readonly state: string }>(
    'webhooks.deliver_event',
    {
      params: ['webhook_id', 'event_data'],
    },
  ),
)
