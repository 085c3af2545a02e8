import { z } from 'zod'
import { learningTime } from '../../enrichment/learning-time.js'
import { sendCompletion } from '../../enrichment/send-completion.js'
import { app, TASK } from '../../lms/app.js'

const Completion = z.object({
  user_id: z.union([z.number().int(), z.bigint()]),
  course_id: z.string().min(1),
  enterprise_customer_uuid: z.uuid(),
  payload_dict: z.record(z.string(), z.unknown()),
})

/**
 * Adds a learner's time to the webhook of a completion, and sends it. Whatever goes wrong with the warehouse, the webhook goes out without;
 * the switch is looked at again, so that what waited while it was turned off is sent as it came.
 */
export const enrichAndSendCompletionWebhook = app.task({
  name: TASK,
  input: Completion,
  params: ['user_id', 'course_id', 'enterprise_customer_uuid', 'payload_dict'],
  autoretryFor: [Error],
  retryBackoff: true,
  maxRetries: 10,
  run: async (ctx, { payload_dict, ...completion }) => {
    const { data, outcome } = await learningTime.apply({ completion, payload: payload_dict }, ctx.signal)
    return { outcome, ...(await sendCompletion(completion, data.payload, app.clock.now())) }
  },
})
