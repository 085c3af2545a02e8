import { z } from 'zod'
import { isEnrichmentOn } from '../../enrichment/flags.js'
import { learningTime } from '../../enrichment/learning-time.js'
import { outcomes } from '../../enrichment/measures.js'
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
    const { user_id, course_id, enterprise_customer_uuid } = completion
    const nowMs = app.clock.now()
    if (!(await isEnrichmentOn(nowMs))) {
      const sent = await sendCompletion(completion, payload_dict, nowMs)
      outcomes.inc({ outcome: 'disabled' })
      return { outcome: 'disabled', ...sent }
    }
    const learner = { userId: Number(user_id), courseId: course_id, enterpriseUuid: enterprise_customer_uuid }
    const found = await learningTime(learner, ctx.signal)
    if (found.kind === 'error')
      ctx.logger.warn(
        { user_id: learner.userId, course_id },
        `the completion is sent without its learning time: ${found.message}`,
      )
    const seconds = found.kind === 'known' ? found.seconds : undefined
    const sent = await sendCompletion(completion, payload_dict, nowMs, seconds)
    const outcome = found.kind === 'known' ? 'enriched' : found.kind === 'none' ? 'no_data' : 'error'
    outcomes.inc({ outcome })
    return { outcome, ...sent }
  },
})
