import { blockedRange, blockedUrl, literalAddress, systemResolver } from '../address/index.js'
import { type Endpoint, type EndpointSecret, type NewSecret, newId, WebhookError } from '../domain/index.js'
import { newSigningSecret, readSecretText, type SecretText } from '../signing/index.js'
import type { Listing, StoredEndpoint, StoredSecret, WebhookStore } from '../store/index.js'
import { readChanges, readNewEndpoint, readTls } from './endpoint-input.js'
import type { WebhookSettings } from './options.js'
import type { Endpoints, Webhooks } from './webhooks.js'

/** The parts of the endpoints section. */
export interface EndpointsParts {
  readonly settings: WebhookSettings
  readonly store: () => Promise<WebhookStore>
  readonly now: () => number
  /** Releases the deliveries waiting for an endpoint. */
  readonly release: (endpointId: string) => Promise<void>
  readonly notify: (notice: {
    readonly type: 'endpoint.enabled' | 'endpoint.disabled'
    readonly endpoint: Endpoint
  }) => Promise<void>
  /** Sends a test event to one endpoint. */
  readonly sendTest: Webhooks['sendBytes']
}

const DAY_MS = 86_400_000

/** The endpoints section of the facade. */
export function endpointsOf({ settings, store, now, release, notify, sendTest }: EndpointsParts): Endpoints {
  const found = async (id: string, tenant = 'default'): Promise<StoredEndpoint> => {
    const [endpoint] = await (await store()).endpoints.get([id])
    if (endpoint?.tenant !== tenant) throw missing(id)
    return endpoint
  }
  const makeSecret = (
    endpointId: string,
    { scheme, text, publicKey }: SecretText,
    id = newId('sec', now()),
  ): { stored: StoredSecret; shown: NewSecret } => {
    const common = { id, endpointId, scheme, publicKey, createdAtMs: now(), expiresAtMs: null }
    return {
      stored: { ...common, sealed: settings.vault().seal(text, id) },
      shown: { ...common, secret: scheme === 'v1' ? text : null },
    }
  }
  const setEnabled = async (id: string, tenant: string, isEnabled: boolean): Promise<Endpoint> => {
    const before = await found(id, tenant)
    const to = { isEnabled, reason: isEnabled ? null : ('manual' as const) }
    const endpoint = await (await store()).endpoints.setEnabled(tenant, id, to, now())
    if (!endpoint) throw missing(id)
    if (before.isEnabled !== isEnabled)
      await notify({ type: isEnabled ? 'endpoint.enabled' : 'endpoint.disabled', endpoint })
    if (isEnabled) await release(id)
    return shown(endpoint)
  }

  return {
    async create(input) {
      const fields = readNewEndpoint(input, settings)
      await vetResolved(fields.url, settings)
      const id = input.id ?? newId('ep', now())
      const { tenant = 'default', isEnabled = true, signing = ['v1'] } = input
      if (signing.length === 0 || signing.some((each) => each !== 'v1' && each !== 'v1a'))
        throw new WebhookError('The field signing of an endpoint must be v1, v1a or both.', {
          code: 'LVG_WEBHOOK_INVALID',
          field: 'signing',
        })
      const texts = input.secrets?.map(readSecretText) ?? [...new Set(signing)].map(newSigningSecret)
      const secrets = texts.map((each) => makeSecret(id, each))
      const tls = input.tls ? readTls(input.tls) : null
      const endpoint: StoredEndpoint = {
        ...fields,
        id,
        tenant,
        tls: {
          hasClientCertificate: tls?.certificate !== undefined,
          hasOwnAuthority: tls?.authority !== undefined,
        },
        isEnabled,
        disabledReason: isEnabled ? null : 'manual',
        disabledAtMs: isEnabled ? null : now(),
        createdAtMs: now(),
        updatedAtMs: now(),
        sealedTls: tls && settings.vault().seal(JSON.stringify(tls), id),
        secrets: secrets.map((each) => each.stored),
      }
      await (await store()).endpoints.insert(endpoint)
      return { endpoint: shown(endpoint), secrets: secrets.map((each) => each.shown) }
    },

    get: async (id, { tenant } = {}) => shown(await found(id, tenant)),

    async list({ tenant = 'default', ...query } = {}): Promise<Listing<Endpoint>> {
      const { items, next } = await (await store()).endpoints.list({ tenant, ...query })
      return { items: items.map(shown), next }
    },

    async update(id, changes, { tenant = 'default' } = {}) {
      const before = await found(id, tenant)
      const { sealedTls, secrets, ...endpoint } = before
      const {
        id: _id,
        tenant: _tenant,
        isEnabled: _on,
        disabledReason: _why,
        disabledAtMs: _at,
        createdAtMs: _c,
        updatedAtMs: _u,
        tls: _tls,
        ...own
      } = endpoint
      const fields = readChanges(own, changes, settings)
      if (fields.url !== before.url) await vetResolved(fields.url, settings)
      const tls = changes.tls ? readTls(changes.tls) : changes.tls
      const identity =
        tls === undefined
          ? {}
          : {
              tls: {
                hasClientCertificate: tls?.certificate !== undefined,
                hasOwnAuthority: tls?.authority !== undefined,
              },
              sealedTls: tls && settings.vault().seal(JSON.stringify(tls), id),
            }
      const after = await (await store()).endpoints.update(tenant, id, { ...fields, ...identity }, now())
      if (!after) throw missing(id)
      if (changes.isEnabled !== undefined && changes.isEnabled !== after.isEnabled)
        return setEnabled(id, tenant, changes.isEnabled)
      // Its limits may have been raised.
      await release(id)
      return shown(after)
    },

    async delete(id, { tenant = 'default' } = {}) {
      if (!(await (await store()).endpoints.delete(tenant, id, now()))) throw missing(id)
    },
    enable: (id, { tenant = 'default' } = {}) => setEnabled(id, tenant, true),
    disable: (id, { tenant = 'default' } = {}) => setEnabled(id, tenant, false),

    async secrets(id, { tenant } = {}) {
      const { secrets } = await found(id, tenant)
      return secrets.map(({ sealed, ...secret }): EndpointSecret => secret)
    },

    async rotateSecret(id, { tenant, scheme = 'v1', overlapMs = DAY_MS, id: secretId } = {}) {
      if (!Number.isFinite(overlapMs) || overlapMs < 0 || overlapMs > 30 * DAY_MS)
        throw new WebhookError('overlapMs must be from 0 to 30 days.', {
          code: 'LVG_WEBHOOK_INVALID',
          field: 'overlapMs',
        })
      await found(id, tenant)
      const { stored, shown: secret } = makeSecret(id, newSigningSecret(scheme), secretId)
      await (await store()).endpoints.addSecret(stored, stored.createdAtMs + overlapMs)
      return secret
    },

    async test(
      id,
      {
        tenant = 'default',
        type = 'webhook.test',
        data = { message: 'This is a test.' },
        id: eventId,
        timestamp = new Date(now()),
      } = {},
    ) {
      await found(id, tenant)
      const body = Buffer.from(JSON.stringify({ type, timestamp: timestamp.toISOString(), data }))
      return sendTest(
        { type, body },
        { tenant, endpointId: id, ...(eventId === undefined ? {} : { id: eventId }) },
      )
    },
  }
}

/** A name with a blocked address is refused now; a name without an address may get one later. */
async function vetResolved(
  text: string,
  { address: rules, resolver = systemResolver }: WebhookSettings,
): Promise<void> {
  const { hostname } = new URL(text)
  if (literalAddress(hostname) !== null) return
  const addresses = await new Promise<readonly string[]>((resolve) => {
    resolver(hostname, { all: true }, (error, found) =>
      resolve(error ? [] : found.map((each) => each.address)),
    )
  })
  for (const address of addresses) {
    const range = blockedRange(address, rules.allowed)
    if (range !== null) throw blockedUrl(hostname, address, range)
  }
}

/** The caller's view of an endpoint. */
function shown({ secrets, sealedTls, ...endpoint }: StoredEndpoint): Endpoint {
  return endpoint
}

const missing = (id: string): WebhookError =>
  new WebhookError(`There is no endpoint ${id}.`, {
    code: 'LVG_WEBHOOK_NOT_FOUND',
    field: 'id',
    details: { id },
  })
