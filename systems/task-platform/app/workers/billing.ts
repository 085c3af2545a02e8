import { z } from 'zod'
import { app } from '../celery.js'
import { createTaskDecorator, db, runId, Unfit } from './base.js'

const PRICES: Readonly<Record<string, number>> = { basic: 900, team: 4900 }

/** Charges a subscription for its next period. */
export const processSubscription = app.task({
  ...createTaskDecorator({ queue: 'billing' }),
  name: 'app.workers.billing.process_subscription',
  input: z.object({ subscription_id: z.string().min(1) }),
  params: ['subscription_id'],
  run: async (ctx, { subscription_id }) => {
    const [row] = await db().query(
      'UPDATE subscriptions SET periods = periods + 1 WHERE id = $1 RETURNING plan, periods',
      [subscription_id],
    )
    if (!row) throw new Unfit(`There is no subscription ${subscription_id}.`)
    const cents = PRICES[String(row.plan)]
    // Thrown after the period was counted: the transaction takes that back.
    if (cents === undefined)
      throw new Unfit(`Subscription ${subscription_id} has the unknown plan ${row.plan}.`)
    await db().query('INSERT INTO charges (id, subscription_id, cents, charged_ms) VALUES ($1, $2, $3, $4)', [
      runId(),
      subscription_id,
      cents,
      Date.now(),
    ])
    ctx.logger.info({ subscription_id, cents }, 'charged')
    return { subscription_id, cents, period: Number(row.periods) }
  },
})
