import type { ResultRecord } from '../result/index.js'

/** The reply address of a task's result, from its message. Python's messages always have one. */
export function replyOf({
  replyTo,
  correlationId,
}: {
  readonly replyTo: string | null
  readonly correlationId: string | null
}): Pick<ResultRecord, 'replyTo' | 'correlationId'> {
  if (replyTo === null || replyTo === '') return {}
  return correlationId === null ? { replyTo } : { replyTo, correlationId }
}
