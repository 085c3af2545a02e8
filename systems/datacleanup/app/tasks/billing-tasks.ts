import { createTransport } from 'nodemailer'
import { z } from 'zod'
import { keepEvent, pendingEvents } from '../billing/events.js'
import { asked, eventOf, openStripe } from '../billing/stripe.js'
import { app } from '../core/app.js'
import { setting } from '../core/config.js'
import { data } from '../core/data.js'
import { ownedBy, Refused } from '../core/errors.js'

/** Billing tasks: ten retries, backing off up to half an hour, because money is worth waiting for. */
const POLICY = {
  autoretryFor: [Error],
  dontAutoretryFor: [Refused],
  throws: [Refused],
  retryBackoff: true,
  retryBackoffMax: 1800,
  retryJitter: true,
  maxRetries: 10,
} as const

/** How many events one run takes; the next run takes the next. */
const EVENTS = 100
const DAY_MS = 86_400_000

/** Takes in a webhook of Stripe's; tells whether the event is new. */
export async function receiveStripeEvent(body: string, signature: string | undefined): Promise<boolean> {
  return keepEvent(await data(), eventOf(body, signature), body, app.clock.now())
}

/** Asks Stripe how a subscription stands, and notes it. */
export const syncSubscriptionStatus = app.task({
  ...POLICY,
  name: 'app.tasks.billing_tasks.sync_subscription_status',
  input: z.object({ subscription_id: z.string().startsWith('sub_') }),
  params: ['subscription_id'],
  run: async (_ctx, { subscription_id }) => {
    const { id, customer, status } = await asked(openStripe().subscriptions.retrieve(subscription_id))
    const values = [id, typeof customer === 'string' ? customer : customer.id, status, app.clock.now()]
    await (await data()).query(
      `INSERT INTO subscriptions (id, customer, status, synced_ms) VALUES ($1, $2, $3, $4)
       ON CONFLICT (id) DO UPDATE SET status = excluded.status, synced_ms = excluded.synced_ms`,
      values,
    )
    return { subscription_id: id, status: String(status) }
  },
})

/** Mails an invoice to its customer, once: whoever runs second finds that it was sent. */
export const sendInvoice = app.task({
  ...POLICY,
  name: 'app.tasks.billing_tasks.send_invoice',
  input: z.object({ invoice_id: z.string().startsWith('in_') }),
  params: ['invoice_id'],
  run: async (_ctx, { invoice_id }) => {
    const db = await data()
    const sent = await db.query('SELECT id FROM invoices_sent WHERE id = $1', [invoice_id])
    if (sent.length > 0) return { status: 'already_sent', invoice_id }
    const invoice = await asked(openStripe().invoices.retrieve(invoice_id))
    const to = invoice.customer_email
    if (!to) throw new Refused(`Invoice ${invoice_id} has no address to mail it to.`)
    const amount = `${(invoice.total / 100).toFixed(2)} ${invoice.currency.toUpperCase()}`
    return app.once(`invoice:${invoice_id}`, async () => {
      await createTransport(setting('SMTP_URL')).sendMail({
        from: setting('INVOICE_FROM'),
        to,
        subject: `Invoice ${invoice.number ?? invoice_id}: ${amount}`,
        text: `Your invoice of ${amount} is ready: ${invoice.hosted_invoice_url ?? invoice_id}`,
        // A mail server that gets it again after a crash can tell that it is the same.
        messageId: `<${invoice_id}@datacleanup>`,
      })
      const values = [invoice_id, to, app.clock.now()]
      await db.query(
        'INSERT INTO invoices_sent (id, email, sent_ms) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING',
        values,
      )
      return { status: 'sent', invoice_id }
    })
  },
})

/**
 * Pays back what a request for a refund says. It cannot happen twice: the request is marked, and should the process die between
 * Stripe and the mark, the next run hands Stripe the same idempotency key and gets the same refund.
 */
export const processRefund = app.task({
  ...POLICY,
  name: 'app.tasks.billing_tasks.process_refund',
  input: z.object({ user_id: z.number().int().positive(), refund_id: z.string() }),
  params: ['user_id', 'refund_id'],
  run: async (ctx, { user_id, refund_id }) => {
    const db = await data()
    const [found] = await db.query<{ user_id: number; charge: string; cents: number; state: string }>(
      'SELECT user_id, charge, cents, state FROM refunds WHERE id = $1',
      [refund_id],
    )
    const { charge, cents, state } = ownedBy(found, user_id, `refund ${refund_id}`)
    if (state === 'processed') return { status: 'already_processed', refund_id }
    ctx.logger.info({ refund_id, cents }, `Task started: ${ctx.id}`)
    const refund = await asked(
      openStripe().refunds.create({ charge, amount: cents }, { idempotencyKey: `refund:${refund_id}` }),
    )
    await db.query(`UPDATE refunds SET state = 'processed', stripe_refund = $2 WHERE id = $1`, [
      refund_id,
      refund.id,
    ])
    return { status: 'processed', refund_id, stripe_refund: refund.id }
  },
})

/** Every five minutes: deals with the events that Stripe has sent. */
export const processPendingWebhooks = app.task({
  ...POLICY,
  name: 'app.tasks.billing_tasks.process_pending_webhooks',
  run: async (ctx) => {
    const db = await data()
    const events = await pendingEvents(db, EVENTS)
    for (const event of events) {
      ctx.signal.throwIfAborted()
      // Sent first, marked after: a crash in between sends it again, and the broker drops what it knows.
      const once = { once: { key: `stripe:${event.id}`, ttlMs: 30 * DAY_MS } }
      const { object } = event.data
      if (object.object === 'subscription')
        await syncSubscriptionStatus.applyAsync({ subscription_id: object.id }, once)
      if (event.type === 'invoice.finalized' && event.data.object.id)
        await sendInvoice.applyAsync({ invoice_id: event.data.object.id }, once)
      await db.query('UPDATE stripe_events SET processed_ms = $2 WHERE id = $1', [event.id, app.clock.now()])
    }
    // More than one run can take: the next one follows at once.
    if (events.length === EVENTS) await processPendingWebhooks.delay()
    return { processed: events.length }
  },
})
