import { type Attempt, type AttemptTrigger, type ClientTls, newId } from '../domain/index.js'
import type { HttpOutcome, Poster } from '../http/index.js'
import { readSigningSecret, type SigningKey, signatureHeader } from '../signing/index.js'
import type { ClaimedDelivery, StoredEndpoint, StoredSecret } from '../store/index.js'
import type { Vault } from '../vault/index.js'

/** A completed attempt, and the additional input of its plan. */
export interface Attempted {
  readonly attempt: Attempt
  readonly retryAfter: string | null
}

const USER_AGENT = 'lovage-webhooks'
const KEPT_KEYS = 10_000

/** Makes attempts: the body, its signature with the current keys, the request, and the response. */
export class Attempter {
  readonly #poster: Poster
  readonly #vault: Vault
  readonly #now: () => number
  readonly #keys = new Map<string, { readonly sealed: Uint8Array; readonly key: SigningKey }>()

  constructor(poster: Poster, vault: Vault, now: () => number) {
    this.#poster = poster
    this.#vault = vault
    this.#now = now
  }

  /** Makes one attempt; resolves with it, however it ended. */
  async attempt(claimed: ClaimedDelivery, trigger: AttemptTrigger, signal?: AbortSignal): Promise<Attempted> {
    const { delivery, endpoint, number } = claimed
    const startedAtMs = this.#now()
    const begin = performance.now()
    const outcome = await this.#post(claimed, startedAtMs, signal)
    const attempt: Attempt = {
      id: newId('att', startedAtMs),
      deliveryId: delivery.id,
      eventId: delivery.eventId,
      endpointId: endpoint.id,
      tenant: delivery.tenant,
      number: trigger === 'replay' ? 0 : number,
      trigger,
      startedAtMs,
      durationMs: Math.round((performance.now() - begin) * 1000) / 1000,
      outcome: outcome.kind,
      status: outcome.status,
      error: outcome.error,
      responseHeaders: outcome.headers,
      responseBody: outcome.body,
    }
    return { attempt, retryAfter: outcome.retryAfter }
  }

  async #post(claimed: ClaimedDelivery, nowMs: number, signal?: AbortSignal): Promise<HttpOutcome> {
    const { delivery, endpoint } = claimed
    try {
      const body = endpoint.payload === 'thin' ? thinBody(claimed) : claimed.body
      const timestampS = Math.floor(nowMs / 1000)
      const keys = endpoint.secrets.map((secret) => this.#keyOf(secret))
      return await this.#poster.post({
        url: endpoint.url,
        headers: {
          'content-type': 'application/json',
          'user-agent': USER_AGENT,
          ...endpoint.headers,
          'webhook-id': delivery.eventId,
          'webhook-timestamp': String(timestampS),
          'webhook-signature': signatureHeader(keys, delivery.eventId, timestampS, body),
        },
        body,
        timeoutMs: endpoint.timeoutMs,
        tls: this.#tlsOf(endpoint),
        ...(signal ? { signal } : {}),
      })
    } catch (error) {
      // For example a key missing from the ring: not the endpoint's fault.
      const text = error instanceof Error ? error.message : String(error)
      return { kind: 'internal', status: null, error: text, headers: {}, body: null, retryAfter: null }
    }
  }

  #keyOf({ id, sealed }: StoredSecret): SigningKey {
    const kept = this.#keys.get(id)
    // It is sealed anew when a key of the ring is replaced.
    if (kept && Buffer.compare(kept.sealed, sealed) === 0) return kept.key
    const key = readSigningSecret(this.#vault.open(sealed, id))
    if (this.#keys.size >= KEPT_KEYS) this.#keys.clear()
    this.#keys.set(id, { sealed, key })
    return key
  }

  #tlsOf({ id, sealedTls, updatedAtMs }: StoredEndpoint): { key: string; identity: ClientTls } | null {
    if (sealedTls === null) return null
    // The facade seals only this type there.
    const identity = JSON.parse(this.#vault.open(sealedTls, id)) as ClientTls
    return { key: `${id} ${updatedAtMs}`, identity }
  }
}

/** The body for an endpoint with `payload: 'thin'`: the receiver fetches the rest by the id. */
function thinBody({ delivery, eventCreatedAtMs }: ClaimedDelivery): Uint8Array {
  const timestamp = new Date(eventCreatedAtMs).toISOString()
  return Buffer.from(JSON.stringify({ id: delivery.eventId, type: delivery.eventType, timestamp }))
}
