import type {
  Attempt,
  AttemptTrigger,
  CallerTransaction,
  Delivery,
  DeliveryState,
  DisabledReason,
  Endpoint,
  OutcomeKind,
  SigningScheme,
  WaitReason,
  WebhookEvent,
} from '../domain/index.js'
import type { NewEvent } from './new-event.js'
import type { Notice } from './notice.js'

/** A part of a listing: newest first, at most `limit` (default 50, at most 250), from `after` on. */
export interface Paging {
  readonly limit?: number
  /** `next` of the page before. */
  readonly after?: string
}

/** One part of a listing. */
export interface Listing<T> {
  readonly items: readonly T[]
  /** Where the next page begins; null on the last. */
  readonly next: string | null
}

/** A secret in its stored, encrypted form. */
export interface StoredSecret {
  readonly id: string
  readonly endpointId: string
  readonly scheme: SigningScheme
  readonly publicKey: string | null
  readonly sealed: Uint8Array
  readonly createdAtMs: number
  readonly expiresAtMs: number | null
}

/** An endpoint with the sender's private data: its current signing secrets and its TLS identity, encrypted. */
export interface StoredEndpoint extends Endpoint {
  readonly secrets: readonly StoredSecret[]
  readonly sealedTls: Uint8Array | null
}

/** The changeable columns of an endpoint. */
export type EndpointUpdate = Partial<Omit<Endpoint, 'id' | 'tenant' | 'createdAtMs' | 'updatedAtMs'>> & {
  readonly sealedTls?: Uint8Array | null
}

/** Endpoints and their secrets. A deleted endpoint is invisible; its history stays. */
export interface EndpointStore {
  /** @throws {WebhookError} LVG_WEBHOOK_CONFLICT for an existing id. */
  insert(endpoint: StoredEndpoint): Promise<void>
  get(ids: readonly string[]): Promise<readonly StoredEndpoint[]>
  list(
    query: Paging & { readonly tenant: string; readonly isEnabled?: boolean },
  ): Promise<Listing<StoredEndpoint>>
  /** Returns the updated endpoint; undefined when the tenant has no such endpoint. */
  update(
    tenant: string,
    id: string,
    changes: EndpointUpdate,
    nowMs: number,
  ): Promise<StoredEndpoint | undefined>
  /** Enables it, with a fresh lane, and resumes its held deliveries; or disables it. `release` returns the ids of deliveries to attempt. */
  setEnabled(
    tenant: string,
    id: string,
    to: { readonly isEnabled: boolean; readonly reason: DisabledReason | null },
    nowMs: number,
  ): Promise<StoredEndpoint | undefined>
  /** Deletes it and cancels its waiting deliveries. Returns false when it does not exist. */
  delete(tenant: string, id: string, nowMs: number): Promise<boolean>
  /** Adds a secret; current ones of the same scheme keep signing until `overlapUntilMs`. */
  addSecret(secret: StoredSecret, overlapUntilMs: number): Promise<void>
  /** Returns all current signing secrets, of every tenant: for the published key set, and for re-encryption. */
  secrets(query: {
    readonly scheme?: SigningScheme
    readonly nowMs: number
    readonly endpointId?: string
  }): Promise<readonly StoredSecret[]>
  reseal(changes: readonly { readonly id: string; readonly sealed: Uint8Array }[]): Promise<void>
  /** Returns the TLS identities of all endpoints, of every tenant, for re-encryption. */
  tls(): Promise<readonly { readonly id: string; readonly sealed: Uint8Array }[]>
  /** Replaces each identity that is still the one that was read. */
  resealTls(
    changes: readonly { readonly id: string; readonly sealed: Uint8Array; readonly was: Uint8Array }[],
  ): Promise<void>
}

/** The outcome of writing an event. */
export interface WrittenEvent {
  readonly event: WebhookEvent
  readonly deliveryIds: readonly string[]
  /** Those of `deliveryIds` to attempt now; the others are held or waiting. */
  readonly dueIds: readonly string[]
  readonly isDuplicate: boolean
}

/** Events and their bodies. */
export interface EventStore {
  /**
   * Writes events, their bodies and their deliveries in one transaction, or in the caller's.
   * @throws {WebhookError} LVG_WEBHOOK_CONFLICT for an existing id with another body.
   */
  insert(events: readonly NewEvent[], transaction?: CallerTransaction): Promise<readonly WrittenEvent[]>
  get(tenant: string, id: string): Promise<WebhookEvent | undefined>
  /** Returns the original bytes; undefined when they are gone or never existed. */
  body(tenant: string, id: string): Promise<Uint8Array | undefined>
  list(
    query: Paging & {
      readonly tenant: string
      readonly types?: readonly string[]
      readonly sinceMs?: number
      readonly untilMs?: number
    },
  ): Promise<Listing<WebhookEvent>>
}

/** A request to begin an attempt. */
export interface ClaimRequest {
  readonly deliveryId: string
  /** The claimant: the task's id. The same claimant takes over its own claim, as after a crash. */
  readonly claimant: string
}

/** Everything an attempt needs. */
export interface ClaimedDelivery {
  readonly delivery: Delivery
  readonly eventCreatedAtMs: number
  readonly body: Uint8Array
  readonly endpoint: StoredEndpoint
  /** The number of the attempt to make; 1 = the first. */
  readonly number: number
}

/** The outcome of a claim. */
export type Claim =
  | { readonly kind: 'claimed'; readonly claimed: ClaimedDelivery }
  /** Its endpoint's lane has no free slot; it is released when there is one. */
  | {
      readonly kind: 'waits'
      readonly reason: Exclude<WaitReason, null>
      readonly wakeAtMs: number | null
      readonly endpointId: string
    }
  /** Another task holds it until then. */
  | { readonly kind: 'busy'; readonly untilMs: number }
  /** It is not due before then. */
  | { readonly kind: 'early'; readonly untilMs: number }
  /** It needs no attempt: it has ended, or is held. */
  | { readonly kind: 'over'; readonly state: DeliveryState }
  | { readonly kind: 'missing' }

/** A finished attempt and the next step of its delivery. */
export interface AttemptRecord {
  readonly attempt: Attempt
  readonly claimant: string
  /** The delivery's next state; null leaves it unchanged, as in replays. */
  readonly next: {
    readonly state: Extract<DeliveryState, 'pending' | 'failed' | 'success' | 'exhausted' | 'cancelled'>
    readonly nextAttemptAtMs: number | null
  } | null
  /** Whether to disable the endpoint: it answered that it is gone. */
  readonly isGone: boolean
  /** Whether its endpoint limits nothing that the end of an attempt frees: no concurrency, no order. Default false. */
  readonly isUnlimited?: boolean
  /** The notices to send if this record is accepted. */
  readonly notices: readonly Notice[]
}

/** The follow-up work after attempts were recorded or a lane was checked. */
export interface Released {
  /** Deliveries that may be attempted now. */
  readonly deliveryIds: readonly string[]
  /** Endpoints whose lanes need another check, and when. */
  readonly wakes: readonly { readonly endpointId: string; readonly atMs: number }[]
  /** The changes, for operators and tenants. */
  readonly notices: readonly Notice[]
}

/** Deliveries and attempts; the endpoints' lanes decide which may go. */
export interface DeliveryStore {
  claim(requests: readonly ClaimRequest[], nowMs: number, leaseMs: number): Promise<readonly Claim[]>
  /** For a replay: returns everything an attempt needs, in any delivery state, without changing anything. */
  peek(deliveryId: string): Promise<ClaimedDelivery | undefined>
  record(records: readonly AttemptRecord[], nowMs: number): Promise<Released>
  /** Checks an endpoint's lane: which of its waiting deliveries may go now, and when to check again. */
  release(endpointId: string, nowMs: number): Promise<Released>
  /**
   * Returns due failed deliveries, and stale ones that no task holds: pending or processing, and overdue by `staleAfterMs`. At most
   * `limit`.
   */
  sweep(
    nowMs: number,
    staleAfterMs: number,
    limit: number,
  ): Promise<{ readonly due: readonly string[]; readonly stale: readonly string[] }>
  get(tenant: string, id: string): Promise<Delivery | undefined>
  list(
    query: Paging & {
      readonly tenant: string
      readonly endpointId?: string
      readonly eventId?: string
      readonly states?: readonly DeliveryState[]
      readonly sinceMs?: number
      readonly untilMs?: number
    },
  ): Promise<Listing<Delivery>>
  attempts(
    query: Paging & {
      readonly tenant: string
      readonly deliveryId?: string
      readonly eventId?: string
      readonly endpointId?: string
      readonly outcomes?: readonly OutcomeKind[]
      readonly trigger?: AttemptTrigger
    },
  ): Promise<Listing<Attempt>>
  /** False when it is not waiting. */
  cancel(tenant: string, id: string, nowMs: number): Promise<boolean>
  /** Returns the number of deliveries by state, across all tenants, and the age of the oldest waiting one. Estimates are allowed. */
  counts(nowMs: number): Promise<{
    readonly byState: Readonly<Partial<Record<DeliveryState, number>>>
    readonly oldestPendingMs: number | null
    /** Endpoints whose circuit is not closed. */
    readonly circuits: Readonly<Record<'open' | 'probing', number>>
    readonly disabled: Readonly<Record<DisabledReason, number>>
  }>
}

/** Small JSON documents of other parts (API keys, responses stored for idempotency): by kind and key, with an expiry. */
export interface DocumentStore {
  /** Writes a document; with `ifAbsent` only where no live one exists. Returns the resulting document. */
  put(
    document: StoredDocument,
    options: { readonly ifAbsent?: boolean; readonly nowMs: number },
  ): Promise<StoredDocument>
  get(kind: string, key: string, nowMs: number): Promise<StoredDocument | undefined>
  /** Returns those of the keys that there are, in any order. */
  getMany(kind: string, keys: readonly string[], nowMs: number): Promise<readonly StoredDocument[]>
  /** Lists documents by ascending key, from `after` on. */
  list(
    kind: string,
    query: Paging & { readonly prefix?: string; readonly nowMs: number },
  ): Promise<Listing<StoredDocument>>
  delete(kind: string, key: string): Promise<boolean>
}

/** A JSON document. */
export interface StoredDocument {
  readonly kind: string
  readonly key: string
  readonly value: unknown
  /** null = never. */
  readonly expiresAtMs: number | null
}

/** The result of a cleanup. */
export interface Removed {
  readonly events: number
  readonly deliveries: number
  readonly attempts: number
  /** Partitions dropped whole, by name; none on SQLite. */
  readonly partitions: readonly string[]
}

/** The webhooks store of one database or file, opened and migrated. */
export interface WebhookStore {
  readonly kind: 'postgres' | 'sqlite'
  /** The store's URL without a password. */
  readonly shownUrl: string
  readonly endpoints: EndpointStore
  readonly events: EventStore
  readonly deliveries: DeliveryStore
  readonly documents: DocumentStore
  /** Removes deliveries that ended before a time: bodies and attempts by whole days, rows in batches. Unfinished ones stay. */
  cleanup(beforeMs: number, nowMs: number): Promise<Removed>
  /**
   * Calls `onDue` with deliveries whose transaction was committed without a task, as soon as the commit is seen. Resolves once listening;
   * the returned function stops it.
   */
  watchCommitted(onDue: (deliveryIds: readonly string[]) => Promise<void>): Promise<() => Promise<void>>
  close(): Promise<void>
}
