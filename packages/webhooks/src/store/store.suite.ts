import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Attempt, type Delivery, newId, type OutcomeKind } from '../domain/index.js'
import type { NewEvent } from './new-event.js'
import type { AttemptRecord, Claim, ClaimedDelivery, StoredEndpoint, WebhookStore } from './webhook-store.js'

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

const T0 = Date.UTC(2026, 5, 1)
const LEASE_MS = 10_000
const DAY_MS = 86_400_000

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

/** What every store of webhooks does, on any database. */
export function describeWebhookStore(under: StoreUnderTest): void {
  describe(`webhook store: ${under.name}`, () => {
    let store: WebhookStore
    beforeAll(async () => {
      store = await under.open()
    })
    afterAll(async () => {
      await store.close()
      await under.close?.()
    })

    const setUp = async (more: Partial<StoredEndpoint> = {}): Promise<StoredEndpoint> => {
      const endpoint = endpointRow(more)
      await store.endpoints.insert(endpoint)
      return endpoint
    }
    const send = async (tenant: string, more: Partial<NewEvent> = {}): Promise<string> => {
      const [written] = await store.events.insert([eventRow(tenant, more)])
      return written?.deliveryIds[0] ?? ''
    }
    const claim = async (deliveryId: string, nowMs = T0, claimant = 'task-1'): Promise<Claim> => {
      const [claim] = await store.deliveries.claim([{ deliveryId, claimant }], nowMs, LEASE_MS)
      return claim ?? { kind: 'missing' }
    }
    const claimed = async (deliveryId: string, nowMs = T0, claimant = 'task-1'): Promise<ClaimedDelivery> => {
      const found = await claim(deliveryId, nowMs, claimant)
      if (found.kind !== 'claimed') throw new Error(`it is ${JSON.stringify(found)}`)
      return found.claimed
    }
    const arrive = async (deliveryId: string, nowMs = T0) =>
      store.deliveries.record(
        [recordOf(await claimed(deliveryId, nowMs), 'task-1', 'success', SUCCESS)],
        nowMs,
      )
    const stateOf = async (tenant: string, id: string): Promise<Delivery | undefined> =>
      store.deliveries.get(tenant, id)

    test('an endpoint comes back as it was put, to its tenant alone', async () => {
      const secret = {
        id: newId('sec'),
        endpointId: '',
        scheme: 'v1' as const,
        publicKey: null,
        sealed: Buffer.from([0, 1, 255]),
        createdAtMs: T0,
        expiresAtMs: null,
      }
      const id = newId('ep')
      const endpoint = endpointRow({
        id,
        eventTypes: ['order.*'],
        headers: { 'x-b': '1', 'x-a': 'ü' },
        sealedTls: Buffer.from([7]),
        secrets: [{ ...secret, endpointId: id }],
      })
      await store.endpoints.insert(endpoint)
      const [found] = await store.endpoints.get([id])
      expect(found).toEqual(endpoint)
      expect(await store.endpoints.update('another', id, { description: 'x' }, T0)).toBeUndefined()
      expect((await store.endpoints.list({ tenant: 'another' })).items).toEqual([])
      await expect(store.endpoints.insert(endpoint)).rejects.toMatchObject({ code: 'LVG_WEBHOOK_CONFLICT' })
      const changed = await store.endpoints.update(
        endpoint.tenant,
        id,
        { description: 'x', eventTypes: [] },
        T0 + 1,
      )
      expect(changed).toMatchObject({
        description: 'x',
        eventTypes: [],
        updatedAtMs: T0 + 1,
        headers: endpoint.headers,
      })
    })

    test('endpoints are listed newest first, page by page', async () => {
      const { tenant } = await setUp()
      for (let at = 0; at < 4; at++) await setUp({ tenant })
      const seen: string[] = []
      for (let after: string | undefined; ; ) {
        const page = await store.endpoints.list({
          tenant,
          limit: 2,
          ...(after === undefined ? {} : { after }),
        })
        seen.push(...page.items.map(({ id }) => id))
        if (page.next === null) break
        after = page.next
      }
      expect(seen).toHaveLength(5)
      expect(seen).toEqual([...seen].sort().reverse())
    })

    test('an event goes to the endpoints that take its type, with its bytes as they were', async () => {
      const { tenant, id } = await setUp({ eventTypes: ['order.*'] })
      await setUp({ tenant, eventTypes: ['invoice.paid'] })
      const all = await setUp({ tenant })
      const body = Buffer.from('{"z": 1.0, "a": "\u0000ü"}')
      const [written] = await store.events.insert([eventRow(tenant, { body })])
      const to = await Promise.all(
        (written?.deliveryIds ?? []).map((each) => store.deliveries.get(tenant, each)),
      )
      expect(to.map((each) => each?.endpointId).sort()).toEqual([id, all.id].sort())
      expect(await store.events.body(tenant, written?.event.id ?? '')).toEqual(body)
      expect((await claimed(written?.deliveryIds[0] ?? '')).body).toEqual(body)
      expect(await store.events.body('another', written?.event.id ?? '')).toBeUndefined()
    })

    test('notices go only to endpoints that name them', async () => {
      const { tenant } = await setUp()
      const { id } = await setUp({ tenant, eventTypes: ['endpoint.*'] })
      const [written] = await store.events.insert([eventRow(tenant, { type: 'endpoint.disabled' })])
      expect(written?.deliveryIds).toHaveLength(1)
      expect(await stateOf(tenant, written?.deliveryIds[0] ?? '')).toMatchObject({ endpointId: id })
    })

    test('the same id or key again is the same event; the same id with another body is a conflict', async () => {
      const { tenant } = await setUp()
      const event = eventRow(tenant, { dedupKey: 'k' })
      const [first] = await store.events.insert([event])
      const [again, byKey] = await store.events.insert([event, eventRow(tenant, { dedupKey: 'k' })])
      for (const each of [again, byKey])
        expect(each).toMatchObject({
          isDuplicate: true,
          event: { id: event.id },
          deliveryIds: first?.deliveryIds,
          dueIds: [],
        })
      await expect(store.events.insert([{ ...event, body: Buffer.from('{}') }])).rejects.toMatchObject({
        code: 'LVG_WEBHOOK_CONFLICT',
      })
      expect((await store.deliveries.list({ tenant })).items).toHaveLength(1)
    })

    test('ten at once with one key write one event', async () => {
      const { tenant } = await setUp()
      const written = await Promise.all(
        Array.from({ length: 10 }, () => store.events.insert([eventRow(tenant, { dedupKey: 'one' })])),
      )
      expect(written.filter(([each]) => each?.isDuplicate === false)).toHaveLength(1)
      expect((await store.deliveries.list({ tenant })).items).toHaveLength(1)
    })

    test('a delivery is one claimant’s until it is recorded or its lease ends', async () => {
      const { tenant } = await setUp()
      const id = await send(tenant)
      expect(await claimed(id)).toMatchObject({ number: 1, delivery: { id } })
      expect(await claim(id, T0, 'task-2')).toMatchObject({ kind: 'busy', untilMs: T0 + 30_000 + LEASE_MS })
      expect((await claim(id, T0, 'task-1')).kind).toBe('claimed')
      expect((await claim(id, T0 + 40_001, 'task-2')).kind).toBe('claimed')
    })

    test('what a stale claimant says of its delivery is not believed, but its attempt is kept', async () => {
      const { tenant } = await setUp()
      const id = await send(tenant)
      const old = await claimed(id, T0, 'old')
      await claimed(id, T0 + 50_000, 'new')
      await store.deliveries.record([recordOf(old, 'old', 'success', SUCCESS)], T0 + 50_001)
      expect(await stateOf(tenant, id)).toMatchObject({ state: 'processing', attempts: 0 })
      expect((await store.deliveries.attempts({ tenant, deliveryId: id })).items).toHaveLength(1)
    })

    test('attempts come back as they were, newest first, by delivery, event and endpoint', async () => {
      const { tenant, id: endpointId } = await setUp()
      const id = await send(tenant)
      const first = recordOf(await claimed(id), 'task-1', 'http', {
        state: 'pending',
        nextAttemptAtMs: T0 + 100,
      })
      await store.deliveries.record([first], T0)
      expect(await claim(id, T0)).toEqual({ kind: 'early', untilMs: T0 + 100 })
      const second = await claimed(id, T0 + 100)
      expect(second.number).toBe(2)
      await store.deliveries.record([recordOf(second, 'task-1', 'success', SUCCESS)], T0 + 100)
      expect(await claim(id, T0 + 200)).toEqual({ kind: 'over', state: 'success' })
      expect(await stateOf(tenant, id)).toMatchObject({
        state: 'success',
        attempts: 2,
        lastOutcome: 'success',
        lastStatus: 204,
      })
      const { eventId } = second.delivery
      for (const of of [{ deliveryId: id }, { eventId }, { endpointId }]) {
        const { items } = await store.deliveries.attempts({ tenant, ...of })
        expect(items.map(({ number }) => number)).toEqual([2, 1])
        const [, kept] = items
        const body = {
          encoding: 'base64',
          text: Buffer.from('no\u0000').toString('base64'),
          isTruncated: true,
        }
        expect(kept).toEqual({ ...first.attempt, responseBody: body })
        expect((await store.deliveries.attempts({ tenant: 'another', ...of })).items).toEqual([])
      }
      expect(
        (await store.deliveries.attempts({ tenant, endpointId, outcomes: ['http'] })).items,
      ).toHaveLength(1)
    })

    test('an endpoint has as many places as it allows, and who waits is told when one is free', async () => {
      const { tenant } = await setUp({ concurrency: 2 })
      const ids: string[] = []
      for (let at = 0; at < 4; at++) ids.push(await send(tenant))
      const claims = await store.deliveries.claim(
        ids.map((deliveryId) => ({ deliveryId, claimant: deliveryId })),
        T0,
        LEASE_MS,
      )
      expect(claims.map(({ kind }) => kind)).toEqual(['claimed', 'claimed', 'waits', 'waits'])
      expect(claims[2]).toMatchObject({ reason: 'concurrency', wakeAtMs: null })
      const [first] = claims
      if (first?.kind !== 'claimed') throw new Error('it was claimed')
      const released = await store.deliveries.record(
        [recordOf(first.claimed, ids[0] ?? '', 'success', SUCCESS)],
        T0,
      )
      expect(released.deliveryIds).toEqual([ids[2]])
      expect((await claim(ids[2] ?? '')).kind).toBe('claimed')
      // A holder that is never heard of again gives its place back when its lease ends.
      expect((await claim(ids[3] ?? '', T0 + 41_000)).kind).toBe('claimed')
    })

    test('a rate is spent by those that go, and one look is arranged for those that wait', async () => {
      const { tenant, id: endpointId } = await setUp({ ratePerMinute: 2 })
      const ids: string[] = []
      for (let at = 0; at < 5; at++) ids.push(await send(tenant))
      const claims = await store.deliveries.claim(
        ids.map((deliveryId) => ({ deliveryId, claimant: 'c' })),
        T0,
        LEASE_MS,
      )
      expect(claims.map(({ kind }) => kind)).toEqual(['claimed', 'claimed', 'waits', 'waits', 'waits'])
      expect(claims[2]).toMatchObject({ reason: 'rate', wakeAtMs: T0 + 30_000, endpointId })
      expect(claims[3]).toMatchObject({ reason: 'rate', wakeAtMs: null })
      expect((await store.deliveries.release(endpointId, T0 + 29_000)).deliveryIds).toEqual([])
      const released = await store.deliveries.release(endpointId, T0 + 30_000)
      expect(released).toMatchObject({ deliveryIds: [ids[2]], wakes: [{ endpointId, atMs: T0 + 60_000 }] })
      expect((await claim(ids[2] ?? '', T0 + 30_000)).kind).toBe('claimed')
    })

    test('an open circuit lets nothing through but a probe, whose success lets the others go', async () => {
      const { tenant, id: endpointId } = await setUp()
      for (let at = 0; at < 10; at++) {
        const id = await send(tenant)
        const failed = recordOf(await claimed(id), 'task-1', 'http', {
          state: 'exhausted',
          nextAttemptAtMs: null,
        })
        const { notices } = await store.deliveries.record([failed], T0)
        expect(notices.map(({ type }) => type)).toEqual(at === 9 ? ['endpoint.circuit_opened'] : [])
      }
      const ids = [await send(tenant), await send(tenant), await send(tenant)]
      const claims = await store.deliveries.claim(
        ids.map((deliveryId) => ({ deliveryId, claimant: 'c' })),
        T0,
        LEASE_MS,
      )
      expect(claims[0]).toMatchObject({ kind: 'waits', reason: 'circuit', wakeAtMs: T0 + 60_000 })
      expect(await stateOf(tenant, ids[0] ?? '')).toMatchObject({
        state: 'pending',
        waitsFor: 'circuit',
        attempts: 0,
      })
      const { deliveryIds } = await store.deliveries.release(endpointId, T0 + 60_000)
      expect(deliveryIds).toEqual([ids[0]])
      const probe = await claimed(ids[0] ?? '', T0 + 60_000)
      expect((await claim(ids[1] ?? '', T0 + 60_000)).kind).toBe('waits')
      const released = await store.deliveries.record(
        [recordOf(probe, 'task-1', 'success', SUCCESS)],
        T0 + 60_100,
      )
      expect(released.notices.map(({ type }) => type)).toEqual(['endpoint.circuit_closed'])
      expect(released.deliveryIds).toEqual([ids[1], ids[2]])
    })

    test('deliveries of a key go one after the other, those of others beside them', async () => {
      const { tenant } = await setUp({ order: 'key' })
      const [a1, a2, a3, b1] = [
        await send(tenant, { orderingKey: 'a' }),
        await send(tenant, { orderingKey: 'a' }),
        await send(tenant, { orderingKey: 'a' }),
        await send(tenant, { orderingKey: 'b' }),
      ]
      const claims = await store.deliveries.claim(
        [a2, a3, b1, a1].map((deliveryId) => ({ deliveryId, claimant: 'task-1' })),
        T0,
        LEASE_MS,
      )
      expect(claims.map(({ kind }) => kind)).toEqual(['waits', 'waits', 'claimed', 'claimed'])
      expect(claims[0]).toMatchObject({ reason: 'order' })
      const [, , , first] = claims
      if (first?.kind !== 'claimed') throw new Error('it was claimed')
      // A failure that is tried again keeps its place.
      const again = { state: 'failed', nextAttemptAtMs: T0 + 5_000 } as const
      expect(
        (await store.deliveries.record([recordOf(first.claimed, 'task-1', 'http', again)], T0)).deliveryIds,
      ).toEqual([])
      expect((await store.deliveries.sweep(T0 + 5_000, DAY_MS, 1000)).due).toContain(a1)
      expect((await arrive(a1, T0 + 5_000)).deliveryIds).toEqual([a2])
      expect((await arrive(a2, T0 + 5_000)).deliveryIds).toEqual([a3])
    })

    test('what comes for a disabled endpoint is held, and goes when it is enabled', async () => {
      const { tenant, id: endpointId } = await setUp()
      const before = await send(tenant)
      await store.endpoints.setEnabled(tenant, endpointId, { isEnabled: false, reason: 'manual' }, T0)
      expect(await stateOf(tenant, before)).toMatchObject({ state: 'held', nextAttemptAtMs: null })
      const during = await send(tenant)
      expect(await stateOf(tenant, during)).toMatchObject({ state: 'held' })
      expect(await claim(during)).toEqual({ kind: 'over', state: 'held' })
      const enabled = await store.endpoints.setEnabled(
        tenant,
        endpointId,
        { isEnabled: true, reason: null },
        T0 + 1,
      )
      expect(enabled).toMatchObject({ isEnabled: true, disabledReason: null, disabledAtMs: null })
      expect((await store.deliveries.release(endpointId, T0 + 1)).deliveryIds).toEqual([before, during])
      expect((await claim(during, T0 + 1)).kind).toBe('claimed')
    })

    test('410 disables the endpoint once, and tells it to who wants to know', async () => {
      const { tenant, id: endpointId } = await setUp({ storesWhileDisabled: false })
      const watcher = await setUp({ tenant, eventTypes: ['endpoint.disabled'] })
      const ids = [await send(tenant), await send(tenant), await send(tenant)]
      const two = [await claimed(ids[0] ?? ''), await claimed(ids[1] ?? '')]
      const gone = two.map((each) =>
        recordOf(
          each,
          'task-1',
          'http',
          { state: 'exhausted', nextAttemptAtMs: null },
          { isGone: true, attempt: { status: 410 } },
        ),
      )
      const { notices, deliveryIds } = await store.deliveries.record(gone, T0)
      expect(notices).toEqual([{ type: 'endpoint.disabled', tenant, endpointId, reason: 'gone', atMs: T0 }])
      expect(await stateOf(tenant, ids[2] ?? '')).toMatchObject({ state: 'cancelled' })
      const [told = ''] = deliveryIds
      const { delivery, body } = await claimed(told)
      expect(delivery.endpointId).toBe(watcher.id)
      expect(JSON.parse(Buffer.from(body).toString())).toMatchObject({
        type: 'endpoint.disabled',
        data: { endpointId, reason: 'gone' },
      })
      expect((await store.endpoints.get([endpointId]))[0]).toMatchObject({
        isEnabled: false,
        disabledReason: 'gone',
      })
      // Without storing, what comes meanwhile is for others.
      expect((await store.events.insert([eventRow(tenant)]))[0]?.deliveryIds).toEqual([])
    })

    test('an endpoint that did nothing but fail for five days is warned of, and disabled', async () => {
      const { tenant } = await setUp()
      const told: string[] = []
      for (const days of [0, 2.4, 2.6, 3.6, 4.6, 4.7, 5.1]) {
        const nowMs = T0 + days * DAY_MS
        const failed = recordOf(await claimed(await send(tenant), nowMs), 'task-1', 'blocked', {
          state: 'exhausted',
          nextAttemptAtMs: null,
        })
        for (const notice of (await store.deliveries.record([failed], nowMs)).notices)
          told.push(notice.type === 'endpoint.failing' ? `${notice.percent}` : notice.type)
      }
      expect(told).toEqual(['50', '70', '90', 'endpoint.disabled'])
    })

    test('the deliveries of a deleted endpoint are cancelled, and its history stays', async () => {
      const { tenant, id: endpointId } = await setUp()
      const [arrived, waits, flies] = [await send(tenant), await send(tenant), await send(tenant)]
      await arrive(arrived)
      const flying = await claimed(flies)
      expect(await store.endpoints.delete('another', endpointId, T0)).toBe(false)
      expect(await store.endpoints.delete(tenant, endpointId, T0)).toBe(true)
      expect(await store.endpoints.get([endpointId])).toEqual([])
      expect(await claim(waits)).toEqual({ kind: 'over', state: 'cancelled' })
      await store.deliveries.record(
        [recordOf(flying, 'task-1', 'http', { state: 'pending', nextAttemptAtMs: T0 })],
        T0,
      )
      expect(await claim(flies)).toEqual({ kind: 'over', state: 'cancelled' })
      expect((await store.deliveries.list({ tenant, endpointId })).items).toHaveLength(3)
    })

    test('a sweep finds what is due and what was lost, and nothing twice', async () => {
      const { tenant } = await setUp()
      const [failed, lost, dead, fresh] = [
        await send(tenant),
        await send(tenant),
        await send(tenant),
        await send(tenant),
      ]
      await store.deliveries.record(
        [recordOf(await claimed(failed), 'task-1', 'http', { state: 'failed', nextAttemptAtMs: T0 + 5_000 })],
        T0,
      )
      await claimed(dead)
      const own = async (nowMs: number) => {
        const { due, stale } = await store.deliveries.sweep(nowMs, 300_000, 10_000)
        const mine = (ids: readonly string[]) =>
          ids.filter((id) => [failed, lost, dead, fresh].includes(id)).sort()
        return { due: mine(due), stale: mine(stale) }
      }
      expect(await own(T0 + 4_000)).toEqual({ due: [], stale: [] })
      expect(await own(T0 + 5_000)).toEqual({ due: [failed], stale: [] })
      expect(await own(T0 + 5_000)).toEqual({ due: [], stale: [] })
      await arrive(fresh, T0 + 6_000)
      expect(await own(T0 + 341_000)).toEqual({ due: [], stale: [dead, failed, lost].sort() })
      expect(await own(T0 + 342_000)).toEqual({ due: [], stale: [] })
      expect((await claim(dead, T0 + 342_000, 'another')).kind).toBe('claimed')
    })

    test('a cancelled delivery is over, and only one that waits can be', async () => {
      const { tenant } = await setUp()
      const id = await send(tenant)
      expect(await store.deliveries.cancel('another', id, T0)).toBe(false)
      expect(await store.deliveries.cancel(tenant, id, T0)).toBe(true)
      expect(await store.deliveries.cancel(tenant, id, T0)).toBe(false)
      expect(await claim(id)).toEqual({ kind: 'over', state: 'cancelled' })
    })

    test('a replay leaves the schedule alone, and ends what was given up', async () => {
      const { tenant } = await setUp()
      const id = await send(tenant)
      const peeked = await store.deliveries.peek(id)
      if (!peeked) throw new Error('it is there')
      const replay = () =>
        recordOf(peeked, 'replay', 'success', null, {
          attempt: { number: 0, trigger: 'replay', id: newId('att') },
        })
      await store.deliveries.record([replay()], T0)
      expect(await stateOf(tenant, id)).toMatchObject({ state: 'pending', attempts: 0 })
      await store.deliveries.record(
        [recordOf(await claimed(id), 'task-1', 'http', { state: 'exhausted', nextAttemptAtMs: null })],
        T0,
      )
      await store.deliveries.record([replay()], T0)
      expect(await stateOf(tenant, id)).toMatchObject({ state: 'success', attempts: 1 })
    })

    test('deliveries are listed by state, endpoint, event and time, page by page', async () => {
      const { tenant, id: endpointId } = await setUp()
      const ids: string[] = []
      for (let at = 0; at < 5; at++) ids.push(await send(tenant, { createdAtMs: T0 + at * 1000 }))
      await arrive(ids[1] ?? '', T0 + 5_000)
      await store.deliveries.cancel(tenant, ids[2] ?? '', T0)
      const list = async (query: object) =>
        (await store.deliveries.list({ tenant, ...query })).items.map(({ id }) => ids.indexOf(id))
      expect(await list({})).toEqual([4, 3, 2, 1, 0])
      expect(await list({ states: ['success', 'cancelled'] })).toEqual([2, 1])
      expect(await list({ endpointId, states: ['pending'] })).toEqual([4, 3, 0])
      expect(await list({ endpointId: 'ep_none' })).toEqual([])
      expect(await list({ sinceMs: T0 + 1000, untilMs: T0 + 3000 })).toEqual([2, 1])
      const first = await store.deliveries.list({ tenant, limit: 2, states: ['pending'] })
      const second = await store.deliveries.list({
        tenant,
        limit: 2,
        states: ['pending'],
        after: first.next ?? '',
      })
      expect([...first.items, ...second.items].map(({ id }) => ids.indexOf(id))).toEqual([4, 3, 0])
      expect(second.next).toBeNull()
    })

    test('events are listed newest first, whatever their ids', async () => {
      const { tenant } = await setUp()
      for (const [at, id] of ['zz', 'aa', 'mm'].entries())
        await send(tenant, { id, createdAtMs: T0 + at, type: at === 1 ? 'b' : 'a' })
      const first = await store.events.list({ tenant, limit: 2 })
      const second = await store.events.list({ tenant, limit: 2, after: first.next ?? '' })
      expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(['mm', 'aa', 'zz'])
      expect((await store.events.list({ tenant, types: ['b'] })).items.map(({ id }) => id)).toEqual(['aa'])
      expect(
        (await store.events.list({ tenant, sinceMs: T0 + 1, untilMs: T0 + 2 })).items.map(({ id }) => id),
      ).toEqual(['aa'])
    })

    test('what is written in a transaction of the caller’s is there when it is committed, and is seen then', async () => {
      const { tenant } = await setUp()
      const due: string[] = []
      let onDue = (): void => {}
      const stop = await store.watchCommitted(async (ids) => {
        due.push(...ids)
        onDue()
      })
      try {
        const undone = eventRow(tenant)
        await under.inTransaction(
          async (client) => void (await store.events.insert([undone], client)),
          'ROLLBACK',
        )
        expect(await store.events.get(tenant, undone.id)).toBeUndefined()
        const seen = new Promise<void>((resolve) => {
          onDue = resolve
        })
        let deliveryId = ''
        await under.inTransaction(async (client) => {
          const [written] = await store.events.insert([eventRow(tenant)], client)
          deliveryId = written?.deliveryIds[0] ?? ''
        }, 'COMMIT')
        await seen
        expect(due).toEqual([deliveryId])
        expect((await claim(deliveryId)).kind).toBe('claimed')
      } finally {
        await stop()
      }
    })

    test('secrets overlap, end, and are sealed anew', async () => {
      const { tenant, id: endpointId } = await setUp()
      const secret = (id: string, createdAtMs: number) => ({
        id,
        endpointId,
        scheme: 'v1a' as const,
        publicKey: `whpk_${id}`,
        sealed: Buffer.from(id),
        createdAtMs,
        expiresAtMs: null,
      })
      const [a, b] = [newId('sec'), newId('sec')]
      await store.endpoints.addSecret(secret(a, 1), 0)
      await store.endpoints.addSecret(secret(b, 2), T0 + 1000)
      const at = async (nowMs: number) =>
        (await store.endpoints.secrets({ scheme: 'v1a', nowMs, endpointId })).map(({ id }) => id)
      expect(await at(T0)).toEqual([b, a])
      expect(await at(T0 + 1000)).toEqual([b])
      await store.endpoints.reseal([{ id: b, sealed: Buffer.from('new') }])
      const [found] = await store.endpoints.secrets({ nowMs: T0 + 1000, endpointId })
      expect(Buffer.from(found?.sealed ?? []).toString()).toBe('new')
      expect(tenant).not.toBe('')
    })

    test('a document lives until its end, and the first of two stays', async () => {
      const kind = `kind-${randomUUID()}`
      const put = (key: string, value: unknown, expiresAtMs: number | null, nowMs = T0) =>
        store.documents.put({ kind, key, value, expiresAtMs }, { ifAbsent: true, nowMs })
      expect(await put('a/1', { n: 1 }, T0 + 10)).toMatchObject({ value: { n: 1 } })
      expect(await put('a/1', { n: 2 }, null)).toMatchObject({ value: { n: 1 } })
      expect(await put('a/1', { n: 3 }, null, T0 + 10)).toMatchObject({ value: { n: 3 } })
      await put('a/2', null, null)
      await put('b/1', 'x', null)
      expect(
        (await store.documents.list(kind, { prefix: 'a/', nowMs: T0 })).items.map(({ key }) => key),
      ).toEqual(['a/1', 'a/2'])
      expect(await store.documents.delete(kind, 'a/2')).toBe(true)
      expect(await store.documents.get(kind, 'a/2', T0)).toBeUndefined()
    })

    test('a cleanup removes what ended long ago, and keeps what has not ended with its body', async () => {
      const { tenant, id: endpointId } = await setUp()
      const nowMs = T0 + 91 * DAY_MS
      const [old, open, young] = [
        await send(tenant),
        await send(tenant),
        await send(tenant, { createdAtMs: T0 + 2 * DAY_MS }),
      ]
      await arrive(old)
      await arrive(young, T0 + 2 * DAY_MS)
      await store.deliveries.record(
        [recordOf(await claimed(open), 'task-1', 'http', { state: 'failed', nextAttemptAtMs: T0 + 5 })],
        T0,
      )
      const removed = await store.cleanup(nowMs - 90 * DAY_MS, nowMs)
      expect(removed.deliveries).toBeGreaterThan(0)
      expect(removed.events).toBeGreaterThan(0)
      if (store.kind === 'sqlite') expect(removed.partitions).toEqual([])
      const { items } = await store.deliveries.list({ tenant })
      expect(items.map(({ id }) => id)).toEqual([young, open])
      expect((await store.deliveries.attempts({ tenant, deliveryId: open })).items).toHaveLength(1)
      expect(
        (await store.deliveries.attempts({ tenant, endpointId })).items
          .map(({ deliveryId }) => deliveryId)
          .sort(),
      ).toEqual([open, young].sort())
      await store.deliveries.sweep(nowMs, DAY_MS, 10_000)
      expect((await claimed(open, nowMs)).body).toEqual(eventRow(tenant).body)
    })

    test('any number may bring the tables up to date at once, and again', async () => {
      const others = await Promise.all([under.open(), under.open(), under.open()])
      const { tenant, id } = await setUp()
      for (const other of others) {
        expect((await other.endpoints.list({ tenant })).items.map((each) => each.id)).toEqual([id])
        await other.close()
      }
    })
  })
}
