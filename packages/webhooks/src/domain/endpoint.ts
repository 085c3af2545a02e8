/** The reason an endpoint is disabled. */
export type DisabledReason =
  /** Disabled by an operator or through the API. */
  | 'manual'
  /** It answered 410 Gone. */
  | 'gone'
  /** Every attempt failed for `disableAfterMs`. */
  | 'failing'

/** The order of an endpoint's deliveries: as they come, or one at a time for each ordering key. */
export type DeliveryOrder = 'none' | 'key'

/** The posted body: the whole event, or only its id, type and time, so that the receiver fetches the rest. */
export type PayloadMode = 'full' | 'thin'

/** An endpoint registered by a tenant: where its events go, and how. Times are milliseconds since 1970. */
export interface Endpoint {
  /** `ep_…`. */
  readonly id: string
  /** Its tenant; tenants never see each other's data. */
  readonly tenant: string
  readonly url: string
  readonly description: string
  /** Event types it receives, dotted; `order.*` matches all below `order.`. Empty = all. */
  readonly eventTypes: readonly string[]
  /** Sent with each request; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The tenant's own notes. */
  readonly metadata: Readonly<Record<string, string>>
  /** The timeout of one whole attempt, including the response body. */
  readonly timeoutMs: number
  /** Attempts per minute, across the whole fleet; null = no limit. */
  readonly ratePerMinute: number | null
  /** Concurrent attempts, across the whole fleet; null = no limit. */
  readonly concurrency: number | null
  readonly order: DeliveryOrder
  readonly payload: PayloadMode
  /** Statuses that are not retried, such as 400; 410 always disables the endpoint. */
  readonly permanentStatuses: readonly number[]
  /** Whether events are kept for it while it is disabled, to be sent when it is enabled. */
  readonly storesWhileDisabled: boolean
  /** Facts about its TLS identity; the key itself never leaves the store's vault. */
  readonly tls: { readonly hasClientCertificate: boolean; readonly hasOwnAuthority: boolean }
  readonly isEnabled: boolean
  readonly disabledReason: DisabledReason | null
  readonly disabledAtMs: number | null
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** A caller's input for a new endpoint; absent fields take their defaults. */
export interface NewEndpoint {
  readonly url: string
  /** Default `default`. */
  readonly tenant?: string
  /** `ep_…`; made when absent. */
  readonly id?: string
  readonly description?: string
  readonly eventTypes?: readonly string[]
  /** At most 4096 bytes in total; no HTTP-reserved or `webhook-…` headers. */
  readonly headers?: Readonly<Record<string, string>>
  readonly metadata?: Readonly<Record<string, string>>
  /** 5,000 to 200,000; default 30,000. */
  readonly timeoutMs?: number
  /** Default 100. */
  readonly ratePerMinute?: number | null
  /** Default 10. */
  readonly concurrency?: number | null
  /** Default `none`. */
  readonly order?: DeliveryOrder
  /** Default `full`. */
  readonly payload?: PayloadMode
  readonly permanentStatuses?: readonly number[]
  /** Default true. */
  readonly storesWhileDisabled?: boolean
  /** Our client certificate and key, and the CAs trusted for its certificate; PEM. */
  readonly tls?: ClientTls | null
  readonly isEnabled?: boolean
  /** Schemes of its first secrets; default `['v1']`. */
  readonly signing?: readonly SigningScheme[]
  /**
   * Secrets that its receiver has already, as from another sender: `whsec_…` of 24 to 64 bytes, or `whsk_…`. They sign instead of new ones.
   */
  readonly secrets?: readonly string[]
}

/** The changeable fields of an endpoint. */
export type EndpointChanges = Omit<Partial<NewEndpoint>, 'id' | 'tenant' | 'signing' | 'secrets'>

/** Our TLS identity for one endpoint; PEM texts. */
export interface ClientTls {
  readonly certificate?: string
  readonly key?: string
  readonly authority?: string
}

/** Standard Webhooks: `v1` = HMAC-SHA256 with a shared secret, `v1a` = ed25519 with a published key. */
export type SigningScheme = 'v1' | 'v1a'

/** The visible part of an endpoint's signing key: never the key itself. */
export interface EndpointSecret {
  /** `sec_…`. */
  readonly id: string
  readonly endpointId: string
  readonly scheme: SigningScheme
  /** `whpk_…` of `v1a`; null for `v1`. */
  readonly publicKey: string | null
  readonly createdAtMs: number
  /** When it stops signing; null = current. */
  readonly expiresAtMs: number | null
}

/** A new secret; its text is shown only at creation. */
export interface NewSecret extends EndpointSecret {
  /** `whsec_…` for `v1`, which the receiver keeps; for `v1a` the receiver needs only `publicKey`, and this is null. */
  readonly secret: string | null
}
