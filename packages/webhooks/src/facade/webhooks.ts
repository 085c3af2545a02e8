import type { Lovage } from 'lovage'
import type {
  Attempt,
  Delivery,
  DeliveryState,
  Endpoint,
  EndpointChanges,
  EndpointSecret,
  NewEndpoint,
  NewSecret,
  OutcomeKind,
  SendOptions,
  SentEvent,
  SigningScheme,
  WebhookEvent,
} from '../domain/index.js'
import type { Listing, Notice, NoticeType, Paging, Removed, WebhookStore } from '../store/index.js'
import type { Resealed } from './reseal.js'

/** Selects a tenant; without it, `default`. */
export interface OfTenant {
  readonly tenant?: string
}

/** A key under which a call counts once in 12 hours, where the broker can tell (`capabilities.once`). */
export interface OnceKey {
  readonly once?: string
}

/** Operations on endpoints. Each throws LVG_WEBHOOK_NOT_FOUND for an id that the tenant does not have. */
export interface Endpoints {
  /**
   * Registers an endpoint; its address is vetted now, as it will be at every attempt.
   * @throws {WebhookError} LVG_WEBHOOK_INVALID, LVG_WEBHOOK_BLOCKED_URL, LVG_WEBHOOK_CONFLICT.
   */
  create(
    endpoint: NewEndpoint,
  ): Promise<{ readonly endpoint: Endpoint; readonly secrets: readonly NewSecret[] }>
  get(id: string, of?: OfTenant): Promise<Endpoint>
  list(query?: Paging & OfTenant & { readonly isEnabled?: boolean }): Promise<Listing<Endpoint>>
  update(id: string, changes: EndpointChanges, of?: OfTenant): Promise<Endpoint>
  /** Deletes it; its waiting deliveries are cancelled, its history stays. */
  delete(id: string, of?: OfTenant): Promise<void>
  /** Enables it; its held deliveries are sent. */
  enable(id: string, of?: OfTenant): Promise<Endpoint>
  disable(id: string, of?: OfTenant): Promise<Endpoint>
  secrets(id: string, of?: OfTenant): Promise<readonly EndpointSecret[]>
  /** Creates a new secret; the old one keeps signing alongside it for `overlapMs` (default one day). Without `scheme`: `v1`. */
  rotateSecret(
    id: string,
    options?: OfTenant & {
      readonly scheme?: SigningScheme
      readonly overlapMs?: number
      /** `sec_…`; made when absent. An id that exists is a conflict: a call that is repeated makes no second secret. */
      readonly id?: string
    },
  ): Promise<NewSecret>
  /** Sends it a `webhook.test` event, or one of a catalogue type with `data`. It is attempted once, whatever comes of it. */
  test(
    id: string,
    options?: OfTenant & {
      readonly type?: string
      readonly data?: unknown
      /** The event's id and time, so that a call that is repeated sends nothing twice. */
      readonly id?: string
      readonly timestamp?: Date
    },
  ): Promise<SentEvent>
}

/** Operations on events. */
export interface Events {
  get(id: string, of?: OfTenant): Promise<WebhookEvent>
  /** Returns the bytes that are signed and sent. */
  body(id: string, of?: OfTenant): Promise<Uint8Array>
  list(
    query?: Paging &
      OfTenant & { readonly types?: readonly string[]; readonly sinceMs?: number; readonly untilMs?: number },
  ): Promise<Listing<WebhookEvent>>
}

/** Operations on deliveries. */
export interface Deliveries {
  get(id: string, of?: OfTenant): Promise<Delivery>
  list(
    query?: Paging &
      OfTenant & {
        readonly endpointId?: string
        readonly eventId?: string
        readonly states?: readonly DeliveryState[]
        readonly sinceMs?: number
        readonly untilMs?: number
      },
  ): Promise<Listing<Delivery>>
  /** By exactly one of `deliveryId`, `eventId` and `endpointId`, newest first. @throws {WebhookError} LVG_WEBHOOK_INVALID without one, or with more. */
  attempts(
    query: Paging &
      OfTenant & {
        readonly deliveryId?: string
        readonly eventId?: string
        readonly endpointId?: string
        readonly outcomes?: readonly OutcomeKind[]
      },
  ): Promise<Listing<Attempt>>
  /** Makes one more attempt now, with the same `webhook-id` and the current secret; the endpoint's schedule and health are not affected. */
  replay(id: string, of?: OfTenant & OnceKey): Promise<void>
  /** Replays an endpoint's deliveries from a period, in batches of 100, as a task; resolves with its id. */
  replayAll(
    query: OfTenant &
      OnceKey & {
        readonly endpointId: string
        readonly sinceMs: number
        readonly untilMs?: number
        /** Default `['exhausted', 'cancelled', 'failed']`. */
        readonly states?: readonly DeliveryState[]
      },
  ): Promise<string>
  /** Cancels a waiting delivery. @throws {WebhookError} LVG_WEBHOOK_STATE when it is not waiting. */
  cancel(id: string, of?: OfTenant): Promise<void>
}

/** An endpoint's public key in the published set: a JSON Web Key with its `whpk_` text. */
export interface PublishedKey {
  readonly kid: string
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly use: 'sig'
  readonly alg: 'EdDSA'
  readonly x: string
  readonly whpk: string
  readonly endpoint: string
}

/** The webhooks API: `const hooks = webhooks(app, { … })`. */
export interface Webhooks<Catalogue = Readonly<Record<string, unknown>>> {
  readonly app: Lovage
  readonly endpoints: Endpoints
  readonly events: Events
  readonly deliveries: Deliveries
  /** The catalogue's types, sorted; empty without a catalogue. */
  readonly types: readonly string[]
  /**
   * Stores an event and sends it to every endpoint that receives its type. Resolves when it is stored and its task has been published; in
   * a caller's transaction, when it is written there.
   * @throws {WebhookError} LVG_WEBHOOK_UNKNOWN_TYPE, LVG_WEBHOOK_INVALID, LVG_WEBHOOK_TOO_LARGE, LVG_WEBHOOK_CONFLICT.
   */
  send<Type extends keyof Catalogue & string>(
    event: { readonly type: Type; readonly data: Catalogue[Type]; readonly timestamp?: Date },
    options?: SendOptions,
  ): Promise<SentEvent>
  /** Validates an event's data against the catalogue; resolves with the schema's output. */
  validate(type: string, data: unknown): Promise<unknown>
  /** Stores an event with a ready-made body: these bytes are signed and sent, and nothing is added. */
  sendBytes(
    event: { readonly type: string; readonly body: Uint8Array },
    options?: SendOptions,
  ): Promise<SentEvent>
  /** Returns the public keys of all signing `v1a` secrets, to be served at a URL. */
  keySet(endpointId?: string): Promise<{ readonly keys: readonly PublishedKey[] }>
  /** Listens to notices in this process; the returned function unsubscribes. */
  on<Type extends NoticeType>(
    type: Type,
    listener: (notice: Extract<Notice, { type: Type }>) => void,
  ): () => void
  /** The store, opened and migrated on first use. @internal */
  store(): Promise<WebhookStore>
  /** Removes deliveries that ended more than `olderThanMs` ago; default 90 days. The daily task does this. */
  cleanup(olderThanMs?: number): Promise<Removed>
  /**
   * Encrypts again, with the first key of the ring, every secret and TLS identity that an older key encrypts. Afterwards the older keys
   * can be taken out of the ring.
   */
  reseal(): Promise<Resealed>
  /** Closes what this object opened; the app stays open. */
  close(): Promise<void>
}
