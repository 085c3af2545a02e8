/** Why an endpoint takes nothing at the moment. */
export type DisabledReason =
  /** An operator or the API said so. */
  | 'manual'
  /** It answered 410 Gone. */
  | 'gone'
  /** It did nothing but fail for `disableAfterMs`. */
  | 'failing'

/** How the deliveries of an endpoint follow each other: as they come, or one after the other for each ordering key. */
export type DeliveryOrder = 'none' | 'key'

/** What is posted: the event's whole body, or its id, type and time alone, so that the receiver fetches the rest. */
export type PayloadMode = 'full' | 'thin'

/** What a tenant registers: where its events go and how. Times are milliseconds since 1970. */
export interface Endpoint {
  /** `ep_…`. */
  readonly id: string
  /** Whose it is; nothing of a tenant is seen by another. */
  readonly tenant: string
  readonly url: string
  readonly description: string
  /** Types it takes, dotted; `order.*` takes all below `order.`. Empty = all. */
  readonly eventTypes: readonly string[]
  /** Sent with each request; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The tenant's own notes. */
  readonly metadata: Readonly<Record<string, string>>
  /** For one attempt in all, the answer's body included. */
  readonly timeoutMs: number
  /** Attempts a minute, over the whole fleet; null = no limit. */
  readonly ratePerMinute: number | null
  /** Attempts at once, over the whole fleet; null = no limit. */
  readonly concurrency: number | null
  readonly order: DeliveryOrder
  readonly payload: PayloadMode
  /** Statuses that are not worth another attempt, such as 400; 410 always ends all. */
  readonly permanentStatuses: readonly number[]
  /** Whether events are kept for it while it is disabled, to be sent when it is enabled. */
  readonly storesWhileDisabled: boolean
  /** What is known of its TLS identity; the key itself never leaves the store's vault. */
  readonly tls: { readonly hasClientCertificate: boolean; readonly hasOwnAuthority: boolean }
  readonly isEnabled: boolean
  readonly disabledReason: DisabledReason | null
  readonly disabledAtMs: number | null
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

/** What a caller says of a new endpoint; what is absent has its default. */
export interface NewEndpoint {
  readonly url: string
  /** Default `default`. */
  readonly tenant?: string
  /** `ep_…`; made when absent. */
  readonly id?: string
  readonly description?: string
  readonly eventTypes?: readonly string[]
  /** At most 4096 bytes together; none of HTTP's own or `webhook-…`. */
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
  /** A certificate and key that we show, and the authorities that its certificate may be from; PEM. */
  readonly tls?: ClientTls | null
  readonly isEnabled?: boolean
  /** Schemes of its first secrets; default `['v1']`. */
  readonly signing?: readonly SigningScheme[]
}

/** What may be changed of an endpoint. */
export type EndpointChanges = Omit<Partial<NewEndpoint>, 'id' | 'tenant' | 'signing'>

/** A TLS identity of ours for one endpoint; PEM texts. */
export interface ClientTls {
  readonly certificate?: string
  readonly key?: string
  readonly authority?: string
}

/** Standard Webhooks: `v1` = HMAC-SHA256 with a shared secret, `v1a` = ed25519 with a published key. */
export type SigningScheme = 'v1' | 'v1a'

/** A signing key of an endpoint as it is shown: never the key itself. */
export interface EndpointSecret {
  /** `sec_…`. */
  readonly id: string
  readonly endpointId: string
  readonly scheme: SigningScheme
  /** `whpk_…` of `v1a`; null for `v1`. */
  readonly publicKey: string | null
  readonly createdAtMs: number
  /** When it stops signing; null = it is the current one. */
  readonly expiresAtMs: number | null
}

/** A secret at the only moment when its text is shown: when it is made. */
export interface NewSecret extends EndpointSecret {
  /** `whsec_…` for `v1`, which the receiver keeps; for `v1a` the receiver needs `publicKey` alone, and this is null. */
  readonly secret: string | null
}
