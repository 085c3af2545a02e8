import { randomUUID } from 'node:crypto'
import { type Attempt, type Delivery, newId, type OutcomeKind } from '../../domain/index.js'
import type { NewEvent } from '../new-event.js'
import type {
  AttemptRecord,
  Claim,
  ClaimedDelivery,
  Released,
  StoredEndpoint,
  WebhookStore,
} from '../webhook-store.js'

/** What a suite of a store needs. */
export interface StoreUnderTest {
  readonly name: string
  /** Opens the store anew: a second opening sees what the first wrote. */
  open(): Promise<WebhookStore>
  /** Ends what was started. */
  close?(): Promise<void>
  /** Runs statements in a transaction of the caller's. */
  inTransaction(
    work: (client: {
      query(text: string, values?: unknown[]): Promise<{ rows: readonly unknown[] }>
    }) => Promise<void>,
    end: 'COMMIT' | 'ROLLBACK',
  ): Promise<void>
}

export const T0 = Date.UTC(2026, 5, 1)
export const LEASE_MS = 10_000
export const DAY_MS = 86_400_000

/** An endpoint as the facade would make it. */
export function endpointRow(more: Partial<StoredEndpoint> = {}): StoredEndpoint {
  return {
    id: newId('ep'),
    tenant: `t-${randomUUID()}`,
    url: 'https://example.com/',
    description: '',
    eventTypes: [],
    headers: {},
    metadata: {},
    timeoutMs: 30_000,
    ratePerMinute: null,
    concurrency: null,
    order: 'none',
    payload: 'full',
    permanentStatuses: [],
    storesWhileDisabled: true,
    tls: { hasClientCertificate: false, hasOwnAuthority: false },
    isEnabled: true,
    disabledReason: null,
    disabledAtMs: null,
    createdAtMs: T0,
    updatedAtMs: T0,
    secrets: [],
    sealedTls: null,
    ...more,
  }
}

export function eventRow(tenant: string, more: Partial<NewEvent> = {}): NewEvent {
  return {
    id: newId('msg', T0),
    tenant,
    type: 'order.paid',
    orderingKey: null,
    dedupKey: null,
    body: Buffer.from('{"b": 1, "a": 2}'),
    createdAtMs: T0,
    endpointIds: null,
    ...more,
  }
}

export function recordOf(
  { delivery, number }: ClaimedDelivery,
  claimant: string,
  outcome: OutcomeKind,
  next: AttemptRecord['next'],
  more: Partial<Omit<AttemptRecord, 'attempt'>> & { readonly attempt?: Partial<Attempt> } = {},
): AttemptRecord {
  const attempt: Attempt = {
    id: newId('att'),
    deliveryId: delivery.id,
    eventId: delivery.eventId,
    endpointId: delivery.endpointId,
    tenant: delivery.tenant,
    number,
    trigger: 'schedule',
    startedAtMs: T0,
    durationMs: 12.5,
    outcome,
    status: outcome === 'success' ? 204 : outcome === 'http' ? 500 : null,
    error: outcome === 'success' ? null : 'it failed',
    responseHeaders: { 'content-type': 'text/plain' },
    responseBody: { encoding: 'utf8', text: 'no\u0000', isTruncated: true },
    ...more.attempt,
  }
  return { claimant, next, isGone: false, notices: [], ...more, attempt }
}

export const SUCCESS = { state: 'success', nextAttemptAtMs: null } as const

/** What the tests of a store do again and again. */
export interface StoreTools {
  readonly under: StoreUnderTest
  readonly store: WebhookStore
  setUp(more?: Partial<StoredEndpoint>): Promise<StoredEndpoint>
  /** Writes an event; the id of its first delivery. */
  send(tenant: string, more?: Partial<NewEvent>): Promise<string>
  claim(deliveryId: string, nowMs?: number, claimant?: string): Promise<Claim>
  claimed(deliveryId: string, nowMs?: number, claimant?: string): Promise<ClaimedDelivery>
  arrive(deliveryId: string, nowMs?: number): Promise<Released>
  stateOf(tenant: string, id: string): Promise<Delivery | undefined>
}

/** The tools, on a store that is opened when the tests begin. */
export function toolsOn(under: StoreUnderTest, opened: () => WebhookStore): StoreTools {
  const tools: StoreTools = {
    under,
    get store() {
      return opened()
    },
    async setUp(more) {
      const endpoint = endpointRow(more)
      await tools.store.endpoints.insert(endpoint)
      return endpoint
    },
    async send(tenant, more) {
      const [written] = await tools.store.events.insert([eventRow(tenant, more)])
      return written?.deliveryIds[0] ?? ''
    },
    async claim(deliveryId, nowMs = T0, claimant = 'task-1') {
      const [claim] = await tools.store.deliveries.claim([{ deliveryId, claimant }], nowMs, LEASE_MS)
      return claim ?? { kind: 'missing' }
    },
    async claimed(deliveryId, nowMs, claimant) {
      const found = await tools.claim(deliveryId, nowMs, claimant)
      if (found.kind !== 'claimed') throw new Error(`it is ${JSON.stringify(found)}`)
      return found.claimed
    },
    async arrive(deliveryId, nowMs = T0) {
      const record = recordOf(await tools.claimed(deliveryId, nowMs), 'task-1', 'success', SUCCESS)
      return tools.store.deliveries.record([record], nowMs)
    },
    stateOf: (tenant, id) => tools.store.deliveries.get(tenant, id),
  }
  return tools
}
