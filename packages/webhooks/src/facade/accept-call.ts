import { createHash } from 'node:crypto'
import { WebhookError } from '../domain/index.js'
import type { WebhookStore } from '../store/index.js'
import { TYPE } from './endpoint-input.js'
import type { WebhookSettings } from './options.js'
import { jsonBytes } from './sender.js'

/**
 * Accepts a call of `webhooks.deliver_event` with `webhook_id` and `event_data` from another program: the event is written once, however
 * often the task runs, because its id is the task's. Returns the delivery's id; null when it is held for later.
 * @throws {WebhookError} LVG_WEBHOOK_INVALID, LVG_WEBHOOK_NOT_FOUND, LVG_WEBHOOK_TOO_LARGE.
 */
export async function acceptCall(
  store: WebhookStore,
  taskId: string,
  webhookId: string | null,
  data: unknown,
  { maxBodyBytes }: WebhookSettings,
  nowMs: number,
): Promise<string | null> {
  if (typeof webhookId !== 'string' || webhookId === '')
    throw new WebhookError('webhook_id must be the id of an endpoint.', {
      code: 'LVG_WEBHOOK_INVALID',
      field: 'webhook_id',
    })
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw new WebhookError('event_data must be an object.', {
      code: 'LVG_WEBHOOK_INVALID',
      field: 'event_data',
    })
  const type = 'event' in data ? data.event : 'type' in data ? data.type : undefined
  if (typeof type !== 'string' || type.length > 128 || !TYPE.test(type))
    throw new WebhookError('event_data must have an event (or type), such as order.paid.', {
      code: 'LVG_WEBHOOK_INVALID',
      field: 'event_data.event',
    })
  const body = jsonBytes(data)
  if (body.length > maxBodyBytes)
    throw new WebhookError(`event_data has ${body.length} bytes; at most ${maxBodyBytes} are sent.`, {
      code: 'LVG_WEBHOOK_TOO_LARGE',
      field: 'event_data',
    })
  const [endpoint] = await store.endpoints.get([webhookId])
  if (!endpoint)
    throw new WebhookError(`There is no endpoint ${webhookId}.`, {
      code: 'LVG_WEBHOOK_NOT_FOUND',
      field: 'webhook_id',
    })
  const [written] = await store.events.insert([
    {
      id: `msg_${/^[\w-]{1,90}$/.test(taskId) ? taskId : createHash('sha256').update(taskId).digest('base64url')}`,
      tenant: endpoint.tenant,
      type,
      orderingKey: null,
      dedupKey: null,
      body,
      createdAtMs: nowMs,
      endpointIds: [endpoint.id],
    },
  ])
  return written?.deliveryIds[0] ?? null
}
