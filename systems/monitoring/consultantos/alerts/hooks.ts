import { createHash } from 'node:crypto'
import { WebhookError, webhooks } from '@lovage/webhooks'
import { app } from '../jobs/app.js'
import { Unfit } from '../pages/fetch-page.js'

const { env } = process
/** For development: pages and receivers on this machine. */
const isPrivateAllowed = env.ALLOW_PRIVATE_ADDRESSES === '1'
/** What asking again will not mend: a revoked address, a body that is refused. */
const PERMANENT = [400, 401, 403, 404]

/** Posts alerts: signed, retried for days, every attempt recorded, never to a private address. */
export const hooks = webhooks(app, {
  ...(env.DATABASE_URL ? { store: env.DATABASE_URL } : {}),
  queue: 'high',
  allowHttp: isPrivateAllowed,
  allowedCidrs: isPrivateAllowed ? ['127.0.0.0/8', '::1/128'] : [],
  connections: 2,
})

/** Where alerts are posted to. */
export interface Destination {
  readonly kind: 'slack' | 'webhook'
  readonly url: string
}

/**
 * Hands a body to the delivery of webhooks; again under its id, nothing. A destination becomes an endpoint when it is first used.
 * @throws {Unfit} when its address may not be posted to.
 */
export async function post(
  destination: Destination,
  event: { readonly id: string; readonly type: string; readonly body: string },
): Promise<{ readonly event_id: string }> {
  const { id, type, body } = event
  const endpointId = await endpointOf(destination)
  const mark = endpointId.slice(-8)
  const sent = await hooks.sendBytes(
    { type, body: Buffer.from(body) },
    { endpointId, id: `msg_${id.replace(/[^\w-]/g, '_')}_${mark}` },
  )
  return { event_id: sent.event.id }
}

const known = new Map<string, string>()

async function endpointOf({ kind, url }: Destination): Promise<string> {
  const seen = known.get(url)
  if (seen) return seen
  const id = `ep_${createHash('sha256').update(url).digest('hex').slice(0, 32)}`
  const { ALERT_WEBHOOK_SECRET, ALERT_RATE = '30/m' } = process.env
  if (kind === 'webhook' && !ALERT_WEBHOOK_SECRET)
    throw new Unfit('ALERT_WEBHOOK_SECRET is not set: no webhook can be signed.')
  try {
    await hooks.endpoints.create({
      id,
      url,
      description: `alerts by ${kind}`,
      timeoutMs: 15_000,
      ratePerMinute: Number.parseInt(ALERT_RATE, 10),
      permanentStatuses: PERMANENT,
      // Slack does not look at signatures; webhooks have the secret that their receivers know.
      ...(kind === 'webhook' && ALERT_WEBHOOK_SECRET ? { secrets: [ALERT_WEBHOOK_SECRET] } : {}),
    })
  } catch (error) {
    if (!(error instanceof WebhookError)) throw error
    // Another process was first.
    if (error.code !== 'LVG_WEBHOOK_CONFLICT') throw new Unfit(`${new URL(url).host}: ${error.message}`)
  }
  known.set(url, id)
  return id
}
