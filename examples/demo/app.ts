import { Lovage, Reject, unchecked } from 'lovage'
import { Webhook } from 'standardwebhooks'

/** What a delivery task is told. */
export interface Delivery {
  readonly webhook_id: string
  readonly event: string
  readonly body: string
}

/** The receiver answered with something other than success, or not in time. */
class NotDelivered extends Error {}

export const app = new Lovage('webhook-demo', { taskDefaultQueue: 'webhooks' })

/** Delivers one webhook, signed as https://www.standardwebhooks.com says. */
export const deliver = app.task({
  name: 'webhooks.deliver_event',
  input: unchecked<Delivery>(),
  autoretryFor: [NotDelivered, TypeError], // fetch throws a TypeError when nobody listens
  dontAutoretryFor: [Reject],
  retryBackoff: 0.25, // 0.25, 0.5, 1 … seconds: a demo is impatient
  retryBackoffMax: 2,
  retryJitter: 'equal',
  maxRetries: 12,
  run: async (ctx, { webhook_id, event, body }) => {
    const url = process.env.DEMO_RECEIVER
    const secret = process.env.DEMO_SECRET
    if (!url || !secret) throw new Reject('DEMO_RECEIVER and DEMO_SECRET say where to deliver')
    const sentAt = new Date()
    const response = await fetch(url, {
      method: 'POST',
      body,
      signal: AbortSignal.any([ctx.signal, AbortSignal.timeout(500)]),
      headers: {
        'content-type': 'application/json',
        'webhook-id': webhook_id,
        'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
        'webhook-signature': new Webhook(secret).sign(webhook_id, sentAt, body),
        'x-github-event': event,
      },
    }).catch((error: unknown) => {
      throw new NotDelivered(`${event}: ${error}`)
    })
    await response.arrayBuffer()
    if (response.status === 410) throw new Reject(`${event}: the receiver is gone for good`)
    if (!response.ok) throw new NotDelivered(`${event}: ${response.status}`)
    return { status: response.status, attempts: ctx.retries + 1 }
  },
})
