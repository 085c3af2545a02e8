import { enrichAndSendCompletionWebhook } from '../channel_integrations/integrated_channel/tasks.js'
import { app } from '../lms/app.js'
import { isEnrichmentOn } from './flags.js'
import type { Payload } from './payload.js'
import { sendCompletion } from './send-completion.js'

/** A grade with which a learner has passed. */
export interface PassedGrade {
  readonly user_id: number | bigint
  readonly course_id: string
  readonly enterprise_customer_uuid: string
  readonly percent_grade: number
  /** More of the payload, such as `content_id`, `orgid`. */
  readonly more?: Payload
}

/**
 * What happens when a grade is passed: with the switch on an enrichment task, with it off the webhook as it is. Resolves when either is
 * stored; what it throws, the caller must try again.
 */
export async function onPassedGrade({
  percent_grade,
  more = {},
  ...completion
}: PassedGrade): Promise<'enriching' | 'sent'> {
  const payload = { ...more, completion: { percent_grade } }
  if (await isEnrichmentOn(app.clock.now())) {
    await enrichAndSendCompletionWebhook.delay({ ...completion, payload_dict: payload })
    return 'enriching'
  }
  await sendCompletion(completion, payload, app.clock.now())
  return 'sent'
}
