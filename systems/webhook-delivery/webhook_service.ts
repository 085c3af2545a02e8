import type { CallerTransaction } from '@lovage/webhooks'
import { type EventData, hooks } from './tasks/webhook_delivery.js'

/**
 * Tells a partner of something: the event is stored and its delivery a task, and no partner is waited for. In a transaction of the caller's
 * (PostgreSQL) the event exists if, and as soon as, that is committed: nobody hears of an application that was rolled back, and no application
 * is kept of which nobody hears.
 */
export async function emitEvent(
  { partner_id, event, data }: Omit<EventData, 'timestamp'>,
  { transaction, now = new Date() }: { readonly transaction?: CallerTransaction; readonly now?: Date } = {},
) {
  const body: EventData = { event, partner_id, data, timestamp: now.toISOString() }
  return hooks.sendBytes(
    { type: event, body: Buffer.from(JSON.stringify(body)) },
    { tenant: partner_id, ...(transaction ? { transaction } : {}) },
  )
}
