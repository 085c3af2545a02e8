import { expect, test } from 'vitest'
import { DAY_MS, eventRow, LEASE_MS, recordOf, type StoreTools, SUCCESS, T0 } from './tools.suite.js'

/** Who may attempt which delivery, and when. */
export function testLanes(tools: StoreTools): void {
  const { setUp, send, claim, claimed, arrive, stateOf } = tools

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
    await tools.store.deliveries.record([recordOf(old, 'old', 'success', SUCCESS)], T0 + 50_001)
    expect(await stateOf(tenant, id)).toMatchObject({ state: 'processing', attempts: 0 })
    expect((await tools.store.deliveries.attempts({ tenant, deliveryId: id })).items).toHaveLength(1)
  })

  test('an endpoint has as many places as it allows, and who waits is told when one is free', async () => {
    const { tenant } = await setUp({ concurrency: 2 })
    const ids: string[] = []
    for (let at = 0; at < 4; at++) ids.push(await send(tenant))
    const claims = await tools.store.deliveries.claim(
      ids.map((deliveryId) => ({ deliveryId, claimant: deliveryId })),
      T0,
      LEASE_MS,
    )
    expect(claims.map(({ kind }) => kind)).toEqual(['claimed', 'claimed', 'waits', 'waits'])
    expect(claims[2]).toMatchObject({ reason: 'concurrency', wakeAtMs: null })
    const [first] = claims
    if (first?.kind !== 'claimed') throw new Error('it was claimed')
    const released = await tools.store.deliveries.record(
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
    const claims = await tools.store.deliveries.claim(
      ids.map((deliveryId) => ({ deliveryId, claimant: 'c' })),
      T0,
      LEASE_MS,
    )
    expect(claims.map(({ kind }) => kind)).toEqual(['claimed', 'claimed', 'waits', 'waits', 'waits'])
    expect(claims[2]).toMatchObject({ reason: 'rate', wakeAtMs: T0 + 30_000, endpointId })
    expect(claims[3]).toMatchObject({ reason: 'rate', wakeAtMs: null })
    expect((await tools.store.deliveries.release(endpointId, T0 + 29_000)).deliveryIds).toEqual([])
    const released = await tools.store.deliveries.release(endpointId, T0 + 30_000)
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
      const { notices } = await tools.store.deliveries.record([failed], T0)
      expect(notices.map(({ type }) => type)).toEqual(at === 9 ? ['endpoint.circuit_opened'] : [])
    }
    const ids = [await send(tenant), await send(tenant), await send(tenant)]
    const claims = await tools.store.deliveries.claim(
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
    const { deliveryIds } = await tools.store.deliveries.release(endpointId, T0 + 60_000)
    expect(deliveryIds).toEqual([ids[0]])
    const probe = await claimed(ids[0] ?? '', T0 + 60_000)
    expect((await claim(ids[1] ?? '', T0 + 60_000)).kind).toBe('waits')
    const released = await tools.store.deliveries.record(
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
    const claims = await tools.store.deliveries.claim(
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
      (await tools.store.deliveries.record([recordOf(first.claimed, 'task-1', 'http', again)], T0))
        .deliveryIds,
    ).toEqual([])
    expect((await tools.store.deliveries.sweep(T0 + 5_000, DAY_MS, 1000)).due).toContain(a1)
    expect((await arrive(a1, T0 + 5_000)).deliveryIds).toEqual([a2])
    expect((await arrive(a2, T0 + 5_000)).deliveryIds).toEqual([a3])
  })

  test('what comes for a disabled endpoint is held, and goes when it is enabled', async () => {
    const { tenant, id: endpointId } = await setUp()
    const before = await send(tenant)
    await tools.store.endpoints.setEnabled(tenant, endpointId, { isEnabled: false, reason: 'manual' }, T0)
    expect(await stateOf(tenant, before)).toMatchObject({ state: 'held', nextAttemptAtMs: null })
    const during = await send(tenant)
    expect(await stateOf(tenant, during)).toMatchObject({ state: 'held' })
    expect(await claim(during)).toEqual({ kind: 'over', state: 'held' })
    const enabled = await tools.store.endpoints.setEnabled(
      tenant,
      endpointId,
      { isEnabled: true, reason: null },
      T0 + 1,
    )
    expect(enabled).toMatchObject({ isEnabled: true, disabledReason: null, disabledAtMs: null })
    expect((await tools.store.deliveries.release(endpointId, T0 + 1)).deliveryIds).toEqual([before, during])
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
    const { notices, deliveryIds } = await tools.store.deliveries.record(gone, T0)
    expect(notices).toEqual([{ type: 'endpoint.disabled', tenant, endpointId, reason: 'gone', atMs: T0 }])
    expect(await stateOf(tenant, ids[2] ?? '')).toMatchObject({ state: 'cancelled' })
    const [told = ''] = deliveryIds
    const { delivery, body } = await claimed(told)
    expect(delivery.endpointId).toBe(watcher.id)
    expect(JSON.parse(Buffer.from(body).toString())).toMatchObject({
      type: 'endpoint.disabled',
      data: { endpointId, reason: 'gone' },
    })
    expect((await tools.store.endpoints.get([endpointId]))[0]).toMatchObject({
      isEnabled: false,
      disabledReason: 'gone',
    })
    // Without storing, what comes meanwhile is for others.
    expect((await tools.store.events.insert([eventRow(tenant)]))[0]?.deliveryIds).toEqual([])
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
      for (const notice of (await tools.store.deliveries.record([failed], nowMs)).notices)
        told.push(notice.type === 'endpoint.failing' ? `${notice.percent}` : notice.type)
    }
    expect(told).toEqual(['50', '70', '90', 'endpoint.disabled'])
  })

  test('the deliveries of a deleted endpoint are cancelled, and its history stays', async () => {
    const { tenant, id: endpointId } = await setUp()
    const [arrived, waits, flies] = [await send(tenant), await send(tenant), await send(tenant)]
    await arrive(arrived)
    const flying = await claimed(flies)
    expect(await tools.store.endpoints.delete('another', endpointId, T0)).toBe(false)
    expect(await tools.store.endpoints.delete(tenant, endpointId, T0)).toBe(true)
    expect(await tools.store.endpoints.get([endpointId])).toEqual([])
    expect(await claim(waits)).toEqual({ kind: 'over', state: 'cancelled' })
    await tools.store.deliveries.record(
      [recordOf(flying, 'task-1', 'http', { state: 'pending', nextAttemptAtMs: T0 })],
      T0,
    )
    expect(await claim(flies)).toEqual({ kind: 'over', state: 'cancelled' })
    expect((await tools.store.deliveries.list({ tenant, endpointId })).items).toHaveLength(3)
  })
}
