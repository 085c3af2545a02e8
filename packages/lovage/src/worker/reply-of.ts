import type { ResultRecord } from '../result/index.js'

/** Who asked for a task's result, as its message says. Python's messages name somebody always. */
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
