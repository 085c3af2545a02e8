import { abortAfter } from 'lovage'
import { z } from 'zod'
import { current } from '../application.js'
import { app } from '../celery.js'
import { createTaskDecorator, db, Unfit } from './base.js'

const Company = z.object({ status: z.enum(['active', 'dissolved', 'sanctioned']) })

/**
 * Looks a counterparty up in the register. While half of the last lookups failed nobody asks: tasks wait in the broker, and one tries
 * when the time is over.
 */
export const checkCounterparty = app.task({
  ...createTaskDecorator({ queue: 'kyb', maxRetries: 5 }),
  name: 'app.workers.kyb.check_counterparty',
  input: z.object({ company_id: z.string().min(1) }),
  params: ['company_id'],
  circuitBreaker: { window: 10, minimum: 4, threshold: 0.5, openFor: 3 },
  run: async (ctx, { company_id }) => {
    const url = new URL(`/companies/${encodeURIComponent(company_id)}`, current().config.registerUrl)
    const response = await fetch(url, { signal: abortAfter(10_000, ctx.signal) })
    if (response.status === 404) throw new Unfit(`The register has no company ${company_id}.`)
    if (!response.ok) throw new Error(`The register answered ${response.status}.`)
    const { status } = Company.parse(await response.json())
    await db().query(
      `INSERT INTO counterparties (id, state, checked_ms) VALUES ($1, $2, $3)
       ON CONFLICT (id) DO UPDATE SET state = excluded.state, checked_ms = excluded.checked_ms`,
      [company_id, status, Date.now()],
    )
    return { company_id, status }
  },
})
