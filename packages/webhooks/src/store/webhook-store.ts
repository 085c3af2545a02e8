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

/** A secret as it lies in the store: encrypted. */
export interface StoredSecret {
  readonly id: string
  readonly endpointId: string
  readonly scheme: SigningScheme
  readonly publicKey: string | null
  readonly sealed: Uint8Array
  readonly createdAtMs: number
  readonly expiresAtMs: number | null
}

/** An endpoint with what only the sender sees: its secrets that sign now, and its TLS identity, encrypted. */
export interface StoredEndpoint extends Endpoint {
  readonly secrets: readonly StoredSecret[]
  readonly sealedTls: Uint8Array | null
}

/** Columns of an endpoint that may be changed. */
export type EndpointUpdate = Partial<Omit<Endpoint, 'id' | 'tenant' | 'createdAtMs' | 'updatedAtMs'>> & {
  readonly sealedTls?: Uint8Array | null
}

/** Endpoints and their secrets. A deleted endpoint is seen by nobody; its history stays. */
export interface EndpointStore {
  /** @throws {WebhookError} LVG_WEBHOOK_CONFLICT for an id that is taken. */
  insert(endpoint: StoredEndpoint): Promise<void>
  get(ids: readonly string[]): Promise<readonly StoredEndpoint[]>
  list(
    query: Paging & { readonly tenant: string; readonly isEnabled?: boolean },
  ): Promise<Listing<StoredEndpoint>>
  /** The endpoint afterwards; undefined when there is none of that tenant. */
  update(
    tenant: string,
    id: string,
    changes: EndpointUpdate,
    nowMs: number,
  ): Promise<StoredEndpoint | undefined>
  /**
   * Enables it, with a fresh lane, and lets its held deliveries go on; or disables it. Ids of deliveries to be attempted are given
   * out by `release`.
   */
  setEnabled(
    tenant: string,
    id: string,
    to: { readonly isEnabled: boolean; readonly reason: DisabledReason | null },
    nowMs: number,
  ): Promise<StoredEndpoint | undefined>
  /** Cancels what waits for it. False when there is none. */
  delete(tenant: string, id: string, nowMs: number): Promise<boolean>
  /** Adds a secret; those of the same scheme that were current sign until `overlapUntilMs` still. */
  addSecret(secret: StoredSecret, overlapUntilMs: number): Promise<void>
  /** All that sign now, of every tenant: for the published key set, and for re-encryption. */
  secrets(query: {
    readonly scheme?: SigningScheme
    readonly nowMs: number
    readonly endpointId?: string
  }): Promise<readonly StoredSecret[]>
  reseal(changes: readonly { readonly id: string; readonly sealed: Uint8Array }[]): Promise<void>
}

/** What became of an event that was to be written. */
export interface WrittenEvent {
  readonly event: WebhookEvent
  readonly deliveryIds: readonly string[]
  /** Those of `deliveryIds` that are to be attempted now; the others are held or waited for. */
  readonly dueIds: readonly string[]
  readonly isDuplicate: boolean
}

/** Events and their bodies. */
export interface EventStore {
  /**
   * Writes events, their bodies and their deliveries in one transaction, or in the caller's.
   * @throws {WebhookError} LVG_WEBHOOK_CONFLICT for an id that another body has.
   */
  insert(events: readonly NewEvent[], transaction?: CallerTransaction): Promise<readonly WrittenEvent[]>
  get(tenant: string, id: string): Promise<WebhookEvent | undefined>
  /** The bytes as they were given; undefined when they are gone or were never there. */
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

/** What is asked when an attempt is to begin. */
export interface ClaimRequest {
  readonly deliveryId: string
  /** Who asks: the task's id. The same claimant takes its own claim over, as after a crash. */
  readonly claimant: string
}

/** All that an attempt needs. */
export interface ClaimedDelivery {
  readonly delivery: Delivery
  readonly eventCreatedAtMs: number
  readonly body: Uint8Array
  readonly endpoint: StoredEndpoint
  /** Of the attempt that is to be made; 1 = the first. */
  readonly number: number
}

/** What became of a claim. */
export type Claim =
  | { readonly kind: 'claimed'; readonly claimed: ClaimedDelivery }
  /** Its endpoint's lane has no place now; it is told when there is. */
  | {
      readonly kind: 'waits'
      readonly reason: Exclude<WaitReason, null>
      readonly wakeAtMs: number | null
      readonly endpointId: string
    }
  /** Another has it until then. */
  | { readonly kind: 'busy'; readonly untilMs: number }
  /** It is not due before then. */
  | { readonly kind: 'early'; readonly untilMs: number }
  /** It needs no attempt: ended, or held. */
  | { readonly kind: 'over'; readonly state: DeliveryState }
  | { readonly kind: 'missing' }

/** How an attempt ended, and what becomes of its delivery. */
export interface AttemptRecord {
  readonly attempt: Attempt
  readonly claimant: string
  /** What the delivery becomes; null leaves it as it is, as replays do. */
  readonly next: {
    readonly state: Extract<DeliveryState, 'pending' | 'failed' | 'success' | 'exhausted' | 'cancelled'>
    readonly nextAttemptAtMs: number | null
  } | null
  /** Disable the endpoint: it said that it is gone. */
  readonly isGone: boolean
  /** What is told if this record holds. */
  readonly notices: readonly Notice[]
}

/** What is to be done after attempts were recorded or a lane was looked at. */
export interface Released {
  /** Deliveries that may be attempted now. */
  readonly deliveryIds: readonly string[]
  /** Endpoints whose lanes are to be looked at again, and when. */
  readonly wakes: readonly { readonly endpointId: string; readonly atMs: number }[]
  /** What changed, for operators and tenants. */
  readonly notices: readonly Notice[]
}

/** Deliveries and attempts: the lanes of the endpoints decide what may go. */
export interface DeliveryStore {
  claim(requests: readonly ClaimRequest[], nowMs: number, leaseMs: number): Promise<readonly Claim[]>
  /** For a replay: everything an attempt needs, whatever the delivery's state, and nothing is changed. */
  peek(deliveryId: string): Promise<ClaimedDelivery | undefined>
  record(records: readonly AttemptRecord[], nowMs: number): Promise<Released>
  /** Looks at an endpoint's lane: which of its waiting deliveries may go now, and when to look again. */
  release(endpointId: string, nowMs: number): Promise<Released>
  /**
   * Failed ones that are due, and stale ones, which no task has: pending or processing, and silent since `staleAfterMs` after they were due. At
   * most `limit`.
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
  /** Deliveries by state, over all tenants; and the age of the oldest that waits. Estimates are allowed. */
  counts(nowMs: number): Promise<{
    readonly byState: Readonly<Partial<Record<DeliveryState, number>>>
    readonly oldestPendingMs: number | null
    readonly openCircuits: number
  }>
}

/** Small JSON documents of other parts (API keys, answers kept for idempotency): by kind and key, with an end. */
export interface DocumentStore {
  /** Writes; with `ifAbsent` only where none lives. Returns what stands afterwards. */
  put(
    document: StoredDocument,
    options: { readonly ifAbsent?: boolean; readonly nowMs: number },
  ): Promise<StoredDocument>
  get(kind: string, key: string, nowMs: number): Promise<StoredDocument | undefined>
  /** By key, ascending, from `after` on. */
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
  /** null = it stays. */
  readonly expiresAtMs: number | null
}

/** What a cleanup removed. */
export interface Removed {
  readonly events: number
  readonly deliveries: number
  readonly attempts: number
  /** Partitions dropped whole, by name; none on SQLite. */
  readonly partitions: readonly string[]
}

/** Where webhooks are kept. Opened and migrated; of one database or file. */
export interface WebhookStore {
  readonly kind: 'postgres' | 'sqlite'
  /** Where, without a password. */
  readonly shownUrl: string
  readonly endpoints: EndpointStore
  readonly events: EventStore
  readonly deliveries: DeliveryStore
  readonly documents: DocumentStore
  /** Removes what ended before then: bodies and attempts by whole days, rows in batches. What has not ended stays. */
  cleanup(beforeMs: number, nowMs: number): Promise<Removed>
  /**
   * Calls `onDue` with deliveries whose transaction was committed without a task of theirs, as soon as that is seen. Resolves when it listens;
   * its value stops it.
   */
  watchCommitted(onDue: (deliveryIds: readonly string[]) => Promise<void>): Promise<() => Promise<void>>
  close(): Promise<void>
}
