import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { newId, WebhookError } from '../domain/index.js'
import type { Webhooks } from '../facade/index.js'
import type { StoredDocument } from '../store/index.js'
import { SCOPES, type Scope } from './contract/index.js'

/** An API key, without its text. */
export interface ApiKey {
  /** `key_…`. */
  readonly id: string
  /** Its tenant; `*` = an operator's key, for every tenant. */
  readonly tenant: string
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly createdAtMs: number
  readonly expiresAtMs: number | null
}

/** The options of a new key. */
export interface NewApiKey {
  readonly tenant: string
  readonly name?: string
  /** Default: all. */
  readonly scopes?: readonly Scope[]
  /** Default: never. */
  readonly expiresAtMs?: number | null
}

const KIND = 'api-key'
const SECRET_BYTES = 32
const TEXT = /^lwk_([0-9A-Z]{26})_([\w-]{43})$/

/**
 * API keys of the service. They are stored as hashes: a text is shown when its key is made, and never again.
 *
 * @example
 * import { webhooks } from '@lovage/webhooks'
 * import { ApiKeys } from '@lovage/webhooks/service'
 * const keys = new ApiKeys(webhooks(app))
 */
export class ApiKeys {
  readonly #hooks: Webhooks

  constructor(hooks: Webhooks) {
    this.#hooks = hooks
  }

  /** @throws {WebhookError} LVG_WEBHOOK_INVALID. */
  async create(input: NewApiKey): Promise<{ readonly key: ApiKey; readonly text: string }> {
    const { tenant, name = '', scopes = SCOPES, expiresAtMs = null } = input
    if (tenant !== '*' && !/^[\w.:@-]{1,100}$/.test(tenant))
      throw invalid('tenant', 'A tenant is of letters, digits and . _ : @ -, at most 100; or * for all.')
    const unknown = scopes.find((scope) => !SCOPES.includes(scope))
    if (unknown !== undefined || scopes.length === 0)
      throw invalid('scopes', `${unknown ?? 'none'} is no scope. There are: ${SCOPES.join(', ')}.`)
    const nowMs = this.#hooks.app.clock.now()
    const id = newId('key', nowMs)
    const secret = randomBytes(SECRET_BYTES).toString('base64url')
    const key: ApiKey = { id, tenant, name, scopes, createdAtMs: nowMs, expiresAtMs }
    const { documents } = await this.#hooks.store()
    const value = { ...key, hash: hashOf(secret).toString('base64') }
    await documents.put({ kind: KIND, key: id, value, expiresAtMs }, { nowMs })
    return { key, text: `lwk_${id.slice('key_'.length)}_${secret}` }
  }

  /** The key of a text; undefined when there is none, or none any more. */
  async find(text: string): Promise<ApiKey | undefined> {
    const [, id, secret] = TEXT.exec(text) ?? []
    if (id === undefined || secret === undefined) return undefined
    const { documents } = await this.#hooks.store()
    const found = await documents.get(KIND, `key_${id}`, this.#hooks.app.clock.now())
    if (!found) return undefined
    const { hash, ...key } = keptKey(found)
    return timingSafeEqual(hashOf(secret), Buffer.from(hash, 'base64')) ? key : undefined
  }

  /** The keys of a tenant; without one, all. */
  async list(tenant?: string): Promise<readonly ApiKey[]> {
    const { documents } = await this.#hooks.store()
    const nowMs = this.#hooks.app.clock.now()
    const keys: ApiKey[] = []
    for (let after: string | null = ''; after !== null; ) {
      const { items, next } = await documents.list(KIND, { limit: 250, nowMs, after })
      for (const { hash, ...key } of items.map(keptKey))
        if ((tenant ?? key.tenant) === key.tenant) keys.push(key)
      after = next
    }
    return keys
  }

  /** Ends a key at once. Returns false when there is none. */
  async revoke(id: string): Promise<boolean> {
    return (await this.#hooks.store()).documents.delete(KIND, id)
  }
}

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()
/** Only this file writes documents of this kind. */
const keptKey = ({ value }: StoredDocument) => value as ApiKey & { readonly hash: string }
const invalid = (field: string, message: string): WebhookError =>
  new WebhookError(message, { code: 'LVG_WEBHOOK_INVALID', field })
