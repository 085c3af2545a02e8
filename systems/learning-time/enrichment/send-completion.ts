import { COMPLETION, hooks } from './hooks.js'
import { bodyOf, type Payload } from './payload.js'

/** Whose completion it is. */
export interface Completion {
  readonly user_id: number | bigint
  readonly course_id: string
  readonly enterprise_customer_uuid: string
}

/** `{enterprise}:{user}:{course}:{event_type}:{YYYY-MM-DD}`: a second completion of a day is the first. */
export const dedupKey = (
  { enterprise_customer_uuid, user_id, course_id }: Completion,
  nowMs: number,
): string =>
  `${enterprise_customer_uuid}:${user_id}:${course_id}:${COMPLETION}:${new Date(nowMs).toISOString().slice(0, 10)}`

/** Hands a completion to the delivery of webhooks, once a learner, course and day. */
export async function sendCompletion(completion: Completion, payload: Payload, nowMs: number) {
  const { event, isDuplicate } = await hooks.sendBytes(
    { type: COMPLETION, body: bodyOf(payload) },
    { tenant: completion.enterprise_customer_uuid, dedupKey: dedupKey(completion, nowMs) },
  )
  return { event_id: event.id, is_duplicate: isDuplicate }
}
