import { expect, test } from 'vitest'
import { newId } from '../../domain/index.js'
import { DAY_MS, eventRow, recordOf, type StoreTools, SUCCESS, T0 } from './tools.suite.js'

/** Attempts, listings, sweeps, replays and cleanups. */
export function testUpkeep(tools: StoreTools): void {
  const { setUp, send, claim, claimed, arrive, stateOf } = tools

  test('attempts come back as they were, newest first, by delivery, event and endpoint', async () => {
    const { tenant, id: endpointId } = await setUp()
    const id = await send(tenant)
    const first = recordOf(await claimed(id), 'task-1', 'http', {
      state: 'pending',
      nextAttemptAtMs: T0 + 100,
    })
    await tools.store.deliveries.record([first], T0)
    expect(await claim(id, T0)).toEqual({ kind: 'early', untilMs: T0 + 100 })
    const second = await claimed(id, T0 + 100)
    expect(second.number).toBe(2)
    await tools.store.deliveries.record([recordOf(second, 'task-1', 'success', SUCCESS)], T0 + 100)
    expect(await claim(id, T0 + 200)).toEqual({ kind: 'over', state: 'success' })
    expect(await stateOf(tenant, id)).toMatchObject({
      state: 'success',
      attempts: 2,
      lastOutcome: 'success',
      lastStatus: 204,
    })
    const { eventId } = second.delivery
    for (const of of [{ deliveryId: id }, { eventId }, { endpointId }]) {
      const { items } = await tools.store.deliveries.attempts({ tenant, ...of })
      expect(items.map(({ number }) => number)).toEqual([2, 1])
      const [, kept] = items
      const body = {
        encoding: 'base64',
        text: Buffer.from('no\u0000').toString('base64'),
        isTruncated: true,
      }
      expect(kept).toEqual({ ...first.attempt, responseBody: body })
      expect((await tools.store.deliveries.attempts({ tenant: 'another', ...of })).items).toEqual([])
    }
    expect(
      (await tools.store.deliveries.attempts({ tenant, endpointId, outcomes: ['http'] })).items,
    ).toHaveLength(1)
  })

  test('a sweep finds what is due and what was lost, and nothing twice', async () => {
    const { tenant } = await setUp()
    const [failed, lost, dead, fresh] = [
      await send(tenant),
      await send(tenant),
      await send(tenant),
      await send(tenant),
    ]
    await tools.store.deliveries.record(
      [recordOf(await claimed(failed), 'task-1', 'http', { state: 'failed', nextAttemptAtMs: T0 + 5_000 })],
      T0,
    )
    await claimed(dead)
    const own = async (nowMs: number) => {
      const { due, stale } = await tools.store.deliveries.sweep(nowMs, 300_000, 10_000)
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
    expect(await tools.store.deliveries.cancel('another', id, T0)).toBe(false)
    expect(await tools.store.deliveries.cancel(tenant, id, T0)).toBe(true)
    expect(await tools.store.deliveries.cancel(tenant, id, T0)).toBe(false)
    expect(await claim(id)).toEqual({ kind: 'over', state: 'cancelled' })
  })

  test('a replay leaves the schedule alone, and ends what was given up', async () => {
    const { tenant } = await setUp()
    const id = await send(tenant)
    const peeked = await tools.store.deliveries.peek(id)
    if (!peeked) throw new Error('it is there')
    const replay = () =>
      recordOf(peeked, 'replay', 'success', null, {
        attempt: { number: 0, trigger: 'replay', id: newId('att') },
      })
    await tools.store.deliveries.record([replay()], T0)
    expect(await stateOf(tenant, id)).toMatchObject({ state: 'pending', attempts: 0 })
    await tools.store.deliveries.record(
      [recordOf(await claimed(id), 'task-1', 'http', { state: 'exhausted', nextAttemptAtMs: null })],
      T0,
    )
    await tools.store.deliveries.record([replay()], T0)
    expect(await stateOf(tenant, id)).toMatchObject({ state: 'success', attempts: 1 })
  })

  test('deliveries are listed by state, endpoint, event and time, page by page', async () => {
    const { tenant, id: endpointId } = await setUp()
    const ids: string[] = []
    for (let at = 0; at < 5; at++) ids.push(await send(tenant, { createdAtMs: T0 + at * 1000 }))
    await arrive(ids[1] ?? '', T0 + 5_000)
    await tools.store.deliveries.cancel(tenant, ids[2] ?? '', T0)
    const list = async (query: object) =>
      (await tools.store.deliveries.list({ tenant, ...query })).items.map(({ id }) => ids.indexOf(id))
    expect(await list({})).toEqual([4, 3, 2, 1, 0])
    expect(await list({ states: ['success', 'cancelled'] })).toEqual([2, 1])
    expect(await list({ endpointId, states: ['pending'] })).toEqual([4, 3, 0])
    expect(await list({ endpointId: 'ep_none' })).toEqual([])
    expect(await list({ sinceMs: T0 + 1000, untilMs: T0 + 3000 })).toEqual([2, 1])
    const first = await tools.store.deliveries.list({ tenant, limit: 2, states: ['pending'] })
    const second = await tools.store.deliveries.list({
      tenant,
      limit: 2,
      states: ['pending'],
      after: first.next ?? '',
    })
    expect([...first.items, ...second.items].map(({ id }) => ids.indexOf(id))).toEqual([4, 3, 0])
    expect(second.next).toBeNull()
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
    await tools.store.deliveries.record(
      [recordOf(await claimed(open), 'task-1', 'http', { state: 'failed', nextAttemptAtMs: T0 + 5 })],
      T0,
    )
    const removed = await tools.store.cleanup(nowMs - 90 * DAY_MS, nowMs)
    expect(removed.deliveries).toBeGreaterThan(0)
    expect(removed.events).toBeGreaterThan(0)
    if (tools.store.kind === 'sqlite') expect(removed.partitions).toEqual([])
    const { items } = await tools.store.deliveries.list({ tenant })
    expect(items.map(({ id }) => id)).toEqual([young, open])
    expect((await tools.store.deliveries.attempts({ tenant, deliveryId: open })).items).toHaveLength(1)
    expect(
      (await tools.store.deliveries.attempts({ tenant, endpointId })).items
        .map(({ deliveryId }) => deliveryId)
        .sort(),
    ).toEqual([open, young].sort())
    await tools.store.deliveries.sweep(nowMs, DAY_MS, 10_000)
    expect((await claimed(open, nowMs)).body).toEqual(eventRow(tenant).body)
  })

  test('any number may bring the tables up to date at once, and again', async () => {
    const others = await Promise.all([tools.under.open(), tools.under.open(), tools.under.open()])
    const { tenant, id } = await setUp()
    for (const other of others) {
      expect((await other.endpoints.list({ tenant })).items.map((each) => each.id)).toEqual([id])
      await other.close()
    }
  })
}
