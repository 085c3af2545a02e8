import type { DeliveryState } from '../domain/index.js'
import type { WebhookStore } from '../store/index.js'

/** The deliveries to replay, as sent in a task's message. */
export interface ReplayQuery {
  readonly tenant: string
  readonly endpointId: string
  readonly sinceMs: number
  readonly untilMs: number
  readonly states: readonly DeliveryState[]
  readonly after?: string
}

const BATCH = 100

/** Replays one batch. */
export async function replayPage(
  store: WebhookStore,
  { tenant, endpointId, sinceMs, untilMs, states, after }: ReplayQuery,
): Promise<{ readonly ids: readonly string[]; readonly next: string | null }> {
  const page = await store.deliveries.list({
    tenant,
    endpointId,
    sinceMs,
    untilMs,
    states,
    limit: BATCH,
    ...(after === undefined ? {} : { after }),
  })
  return { ids: page.items.map(({ id }) => id), next: page.next }
}
