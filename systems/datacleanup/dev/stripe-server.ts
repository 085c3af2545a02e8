import { randomUUID } from 'node:crypto'
import { bodyOf, type Loopback, listen } from 'lovage-systems-kit'
import Stripe from 'stripe'

/** A stand-in for Stripe. */
export interface StripeServer extends Loopback {
  /** Refunds that were paid, by their idempotency keys. */
  readonly refunds: ReadonlyMap<string, { readonly id: string; readonly amount: number }>
  /** So many of the next requests fail with 503, after they were obeyed. */
  failing: number
  /** Posts an event to a webhook as Stripe does, signed; resolves with the answer. */
  post(url: string, type: string, object: object, id?: string): Promise<Response>
}

/** Starts a server on loopback that answers what the system asks of Stripe, and signs what it posts. */
export async function startStripe(secretKey: string, webhookSecret: string): Promise<StripeServer> {
  const refunds = new Map<string, { id: string; amount: number }>()
  const state = { failing: 0 }
  const server = await listen(async (request, response) => {
    const answer = (status: number, body: unknown): void =>
      void response
        .writeHead(status, { 'content-type': 'application/json', 'request-id': `req_${randomUUID()}` })
        .end(JSON.stringify(body))
    if (request.headers.authorization !== `Bearer ${secretKey}`)
      return answer(401, { error: { type: 'invalid_request_error', message: 'Invalid API Key provided.' } })
    const form = new URLSearchParams(await bodyOf(request))
    const [, , kind = '', id = ''] = (request.url ?? '').split('?')[0]?.split('/') ?? []
    const found = answers(kind, id)
    if (kind === 'refunds') {
      const key = String(request.headers['idempotency-key'])
      const refund = refunds.get(key) ?? {
        id: `re_${randomUUID().slice(0, 8)}`,
        amount: Number(form.get('amount')),
      }
      refunds.set(key, refund)
      if (state.failing-- > 0) return answer(503, { error: { type: 'api_error', message: 'Try again.' } })
      return answer(200, { object: 'refund', status: 'succeeded', ...refund })
    }
    return found
      ? answer(200, found)
      : answer(404, {
          error: {
            type: 'invalid_request_error',
            code: 'resource_missing',
            message: `No such ${kind}: '${id}'`,
          },
        })
  })
  return Object.assign(state, {
    url: server.url,
    close: server.close,
    refunds,
    post: (url: string, type: string, object: object, id = `evt_${randomUUID().slice(0, 8)}`) => {
      const payload = JSON.stringify({
        id,
        object: 'event',
        type,
        created: Math.floor(Date.now() / 1000),
        data: { object },
      })
      const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret: webhookSecret })
      return fetch(url, {
        method: 'POST',
        body: payload,
        headers: { 'content-type': 'application/json', 'stripe-signature': signature },
      })
    },
  })
}

function answers(kind: string, id: string): object | undefined {
  if (id.endsWith('_missing')) return undefined
  if (kind === 'balance') return { object: 'balance', available: [], pending: [] }
  if (kind === 'subscriptions') return { id, object: 'subscription', customer: 'cus_1', status: 'active' }
  if (kind !== 'invoices') return undefined
  return {
    id,
    object: 'invoice',
    number: id.replace('in_', 'INV-'),
    total: 4900,
    currency: 'eur',
    customer_email: 'ada@example.com',
    hosted_invoice_url: `https://invoice.example.com/${id}`,
  }
}
