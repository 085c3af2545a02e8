import { Lovage } from 'lovage'
import { z } from 'zod' // or valibot, arktype: any Standard Schema

export const app = new Lovage('webhooks')

export const deliver = app.task({
  name: 'webhooks.deliver_event',
  params: ['webhook_id', 'event_data'], // so that deliver(7, {…}) in Python works as well
  input: z.object({
    webhook_id: z.number().int(),
    event_data: z.object({ event: z.string(), data: z.unknown() }),
  }),
  run: async (_ctx, { webhook_id, event_data }) => `${webhook_id}:${event_data.event}`,
})

export async function main(): Promise<string> {
  // A wrong payload is refused here, before anything is sent.
  const result = await deliver.delay({ webhook_id: 7, event_data: { event: 'paid', data: null } })
  return result.get({ timeout: 10 })
}
