import type { Fleet } from '../fleets/fleet.js'
import {
  LOST,
  UNFINISHED,
  type WebhookDeliveryState,
  type WebhookEndpoint,
  type WebhooksPort,
} from '../webhooks/webhooks-port.js'
import type { EndpointLine, WebhookDeliveryPage, WebhookPage, WebhooksPage } from './webhooks-pages.js'

/** Endpoints that are examined to find the failing ones. */
const MOST_ENDPOINTS = 500
/** Newest attempts that are looked at, and deliveries that are counted, for each endpoint. */
const ATTEMPTS = 20
const COUNTED = 100
const MOST_ATTEMPTS = 100
/** Endpoints that are asked about at the same time. */
const AT_ONCE = 8
const RANK = { failing: 0, disabled: 1, working: 2, idle: 3 } as const

/** The webhooks page. An unreachable store is a state of it. */
export async function buildWebhooks(fleet: Fleet, tenant = 'default'): Promise<WebhooksPage> {
  const { webhooks } = fleet
  const empty = { isWatched: webhooks !== undefined, trouble: null, tenant, items: [], isWhole: true }
  if (!webhooks) return empty
  try {
    const { endpoints, isWhole } = await endpointsOf(webhooks, tenant)
    const items: EndpointLine[] = []
    for (let at = 0; at < endpoints.length; at += AT_ONCE)
      items.push(
        ...(await Promise.all(endpoints.slice(at, at + AT_ONCE).map((one) => lineOf(webhooks, tenant, one)))),
      )
    items.sort(
      (one, other) =>
        RANK[one.state] - RANK[other.state] ||
        other.failed - one.failed ||
        (other.lastAttemptMs ?? 0) - (one.lastAttemptMs ?? 0),
    )
    return { ...empty, items, isWhole }
  } catch (error) {
    return { ...empty, trouble: error instanceof Error ? error.message : String(error) }
  }
}

async function endpointsOf(
  webhooks: WebhooksPort,
  tenant: string,
): Promise<{ readonly endpoints: readonly WebhookEndpoint[]; readonly isWhole: boolean }> {
  const endpoints: WebhookEndpoint[] = []
  let after: string | null = null
  do {
    const page: Awaited<ReturnType<WebhooksPort['endpoints']['list']>> = await webhooks.endpoints.list({
      tenant,
      limit: 100,
      ...(after === null ? {} : { after }),
    })
    endpoints.push(...page.items)
    after = page.next
  } while (after !== null && endpoints.length < MOST_ENDPOINTS)
  return { endpoints, isWhole: after === null }
}

async function lineOf(
  { deliveries }: WebhooksPort,
  tenant: string,
  { id: endpointId, url, description, eventTypes, isEnabled, disabledReason }: WebhookEndpoint,
): Promise<EndpointLine> {
  const of = { tenant, endpointId }
  const [{ items: attempts }, unfinished, lost] = await Promise.all([
    deliveries.attempts({ ...of, limit: ATTEMPTS }),
    deliveries.list({ ...of, states: UNFINISHED, limit: COUNTED }),
    deliveries.list({ ...of, states: LOST, limit: COUNTED }),
  ])
  const [newest] = attempts
  const isFailing = newest !== undefined && newest.outcome !== 'success'
  const isWell = newest === undefined ? 'idle' : 'working'
  const state = disabledReason === 'manual' ? 'disabled' : isFailing || !isEnabled ? 'failing' : isWell
  return {
    id: endpointId,
    url,
    description,
    eventTypes,
    state,
    disabledReason,
    failed: attempts.filter(({ outcome }) => outcome !== 'success').length,
    attempts: attempts.length,
    unfinished: unfinished.items.length,
    lost: lost.items.length,
    lastAttemptMs: newest?.startedAtMs ?? null,
    lastError: newest && newest.outcome !== 'success' ? errorOf(newest) : null,
  }
}

const errorOf = ({
  error,
  status,
  outcome,
}: {
  error: string | null
  status: number | null
  outcome: string
}): string => error ?? (status === null ? outcome : `status ${status}`)

/** The page of an endpoint; undefined when the tenant has none of this id. */
export async function buildWebhook(
  fleet: Fleet,
  id: string,
  {
    tenant = 'default',
    state,
    after,
    limit,
  }: {
    readonly tenant?: string
    readonly state?: WebhookDeliveryState
    readonly after?: string
    readonly limit: number
  },
): Promise<WebhookPage | undefined> {
  const { webhooks } = fleet
  if (!webhooks) return undefined
  return found(async () => {
    const endpoint = await webhooks.endpoints.get(id, { tenant })
    const [line, { items, next }] = await Promise.all([
      lineOf(webhooks, tenant, endpoint),
      webhooks.deliveries.list({
        tenant,
        endpointId: id,
        limit,
        ...(state === undefined ? {} : { states: [state] }),
        ...(after === undefined ? {} : { after }),
      }),
    ])
    return { tenant, line, endpoint, state: state ?? null, deliveries: items, next }
  })
}

/** The page of a delivery; undefined when the tenant has none of this id. */
export async function buildWebhookDelivery(
  fleet: Fleet,
  id: string,
  tenant = 'default',
): Promise<WebhookDeliveryPage | undefined> {
  const { webhooks } = fleet
  if (!webhooks) return undefined
  return found(async () => {
    const delivery = await webhooks.deliveries.get(id, { tenant })
    const [{ items, next }, endpoint] = await Promise.all([
      webhooks.deliveries.attempts({ tenant, deliveryId: id, limit: MOST_ATTEMPTS }),
      // An endpoint may be deleted while its history stays.
      found(() => webhooks.endpoints.get(delivery.endpointId, { tenant })),
    ])
    return { tenant, delivery, url: endpoint?.url ?? null, attempts: items, isWhole: next === null }
  })
}

async function found<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'LVG_WEBHOOK_NOT_FOUND') return undefined
    throw error
  }
}
