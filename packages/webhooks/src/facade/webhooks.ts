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

/** A tenant's view is had by naming it; where none is named it is `default`. */
export interface OfTenant {
  readonly tenant?: string
}

/** What is done with endpoints. Each throws LVG_WEBHOOK_NOT_FOUND for an id that the tenant has not. */
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
  /** Deletes it; what waits for it is cancelled, its history stays. */
  delete(id: string, of?: OfTenant): Promise<void>
  /** Enables it; what was held for it is sent. */
  enable(id: string, of?: OfTenant): Promise<Endpoint>
  disable(id: string, of?: OfTenant): Promise<Endpoint>
  secrets(id: string, of?: OfTenant): Promise<readonly EndpointSecret[]>
  /** A new secret; the old one signs beside it for `overlapMs` (default a day). Without `scheme`: `v1`. */
  rotateSecret(
    id: string,
    options?: OfTenant & { readonly scheme?: SigningScheme; readonly overlapMs?: number },
  ): Promise<NewSecret>
  /** Sends it a `webhook.test` event, or one of a type of the catalogue with `data`. */
  test(
    id: string,
    options?: OfTenant & { readonly type?: string; readonly data?: unknown },
  ): Promise<SentEvent>
}

/** What is done with events. */
export interface Events {
  get(id: string, of?: OfTenant): Promise<WebhookEvent>
  /** The bytes that are signed and sent. */
  body(id: string, of?: OfTenant): Promise<Uint8Array>
  list(
    query?: Paging &
      OfTenant & { readonly types?: readonly string[]; readonly sinceMs?: number; readonly untilMs?: number },
  ): Promise<Listing<WebhookEvent>>
}

/** What is done with deliveries. */
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
  attempts(
    query: Paging &
      OfTenant & {
        readonly deliveryId?: string
        readonly eventId?: string
        readonly endpointId?: string
        readonly outcomes?: readonly OutcomeKind[]
      },
  ): Promise<Listing<Attempt>>
  /** One more attempt now, with the same `webhook-id` and the current secret; schedule and health of the endpoint are left alone. */
  replay(id: string, of?: OfTenant): Promise<void>
  /** Replays an endpoint's deliveries of a time, in batches of 100, as a task; resolves with its id. */
  replayAll(
    query: OfTenant & {
      readonly endpointId: string
      readonly sinceMs: number
      readonly untilMs?: number
      /** Default `['exhausted', 'cancelled', 'failed']`. */
      readonly states?: readonly DeliveryState[]
    },
  ): Promise<string>
  /** Ends a delivery that waits. @throws {WebhookError} LVG_WEBHOOK_STATE when it does not wait. */
  cancel(id: string, of?: OfTenant): Promise<void>
}

/** A public key of an endpoint, in the published set: a JSON Web Key with the `whpk_` text beside it. */
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

/** The delivery of webhooks, as code uses it: `const hooks = webhooks(app, { … })`. */
export interface Webhooks<Catalogue = Readonly<Record<string, unknown>>> {
  readonly app: Lovage
  readonly endpoints: Endpoints
  readonly events: Events
  readonly deliveries: Deliveries
  /** Types of the catalogue, sorted; empty where none was given. */
  readonly types: readonly string[]
  /**
   * Stores an event and sends it to every endpoint that takes its type. Resolves when it is stored and its task has been published; in a
   * transaction of the caller's, when it is written there.
   * @throws {WebhookError} LVG_WEBHOOK_UNKNOWN_TYPE, LVG_WEBHOOK_INVALID, LVG_WEBHOOK_TOO_LARGE, LVG_WEBHOOK_CONFLICT.
   */
  send<Type extends keyof Catalogue & string>(
    event: { readonly type: Type; readonly data: Catalogue[Type]; readonly timestamp?: Date },
    options?: SendOptions,
  ): Promise<SentEvent>
  /** Checks the data of an event against the catalogue; resolves with it as the schema gives it back. */
  validate(type: string, data: unknown): Promise<unknown>
  /** Stores an event whose body was made elsewhere: these bytes are signed and sent, and nothing is added. */
  sendBytes(
    event: { readonly type: string; readonly body: Uint8Array },
    options?: SendOptions,
  ): Promise<SentEvent>
  /** The public keys of all `v1a` secrets that sign, to be served at a URL. */
  keySet(endpointId?: string): Promise<{ readonly keys: readonly PublishedKey[] }>
  /** Listens to notices in this process; the returned function ends it. */
  on<Type extends NoticeType>(
    type: Type,
    listener: (notice: Extract<Notice, { type: Type }>) => void,
  ): () => void
  /** The store, opened and migrated on first use. */
  store(): Promise<WebhookStore>
  /** Removes what ended before `olderThanMs` ago; default 90 days. The daily task does it. */
  cleanup(olderThanMs?: number): Promise<Removed>
  /** Ends what this object opened; the app stays. */
  close(): Promise<void>
}
