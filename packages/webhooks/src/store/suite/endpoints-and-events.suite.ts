import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { newId } from '../../domain/index.js'
import { endpointRow, eventRow, type StoreTools, T0 } from './tools.suite.js'

/** Endpoints, events, secrets and documents come back as they were put, to their tenants alone. */
export function testEndpointsAndEvents(tools: StoreTools): void {
  const { setUp, send, claim, claimed, stateOf } = tools

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
    await tools.store.endpoints.insert(endpoint)
    const [found] = await tools.store.endpoints.get([id])
    expect(found).toEqual(endpoint)
    expect(await tools.store.endpoints.update('another', id, { description: 'x' }, T0)).toBeUndefined()
    expect((await tools.store.endpoints.list({ tenant: 'another' })).items).toEqual([])
    await expect(tools.store.endpoints.insert(endpoint)).rejects.toMatchObject({
      code: 'LVG_WEBHOOK_CONFLICT',
    })
    const changed = await tools.store.endpoints.update(
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
      const page = await tools.store.endpoints.list({
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
    const [written] = await tools.store.events.insert([eventRow(tenant, { body })])
    const to = await Promise.all(
      (written?.deliveryIds ?? []).map((each) => tools.store.deliveries.get(tenant, each)),
    )
    expect(to.map((each) => each?.endpointId).sort()).toEqual([id, all.id].sort())
    expect(await tools.store.events.body(tenant, written?.event.id ?? '')).toEqual(body)
    expect((await claimed(written?.deliveryIds[0] ?? '')).body).toEqual(body)
    expect(await tools.store.events.body('another', written?.event.id ?? '')).toBeUndefined()
  })

  test('notices go only to endpoints that name them', async () => {
    const { tenant } = await setUp()
    const { id } = await setUp({ tenant, eventTypes: ['endpoint.*'] })
    const [written] = await tools.store.events.insert([eventRow(tenant, { type: 'endpoint.disabled' })])
    expect(written?.deliveryIds).toHaveLength(1)
    expect(await stateOf(tenant, written?.deliveryIds[0] ?? '')).toMatchObject({ endpointId: id })
  })

  test('the same id or key again is the same event; the same id with another body is a conflict', async () => {
    const { tenant } = await setUp()
    const event = eventRow(tenant, { dedupKey: 'k' })
    const [first] = await tools.store.events.insert([event])
    const [again, byKey] = await tools.store.events.insert([event, eventRow(tenant, { dedupKey: 'k' })])
    for (const each of [again, byKey])
      expect(each).toMatchObject({
        isDuplicate: true,
        event: { id: event.id },
        deliveryIds: first?.deliveryIds,
        dueIds: [],
      })
    await expect(tools.store.events.insert([{ ...event, body: Buffer.from('{}') }])).rejects.toMatchObject({
      code: 'LVG_WEBHOOK_CONFLICT',
    })
    expect((await tools.store.deliveries.list({ tenant })).items).toHaveLength(1)
  })

  test('ten at once with one key write one event', async () => {
    const { tenant } = await setUp()
    const written = await Promise.all(
      Array.from({ length: 10 }, () => tools.store.events.insert([eventRow(tenant, { dedupKey: 'one' })])),
    )
    expect(written.filter(([each]) => each?.isDuplicate === false)).toHaveLength(1)
    expect((await tools.store.deliveries.list({ tenant })).items).toHaveLength(1)
  })

  test('events are listed newest first, whatever their ids', async () => {
    const { tenant } = await setUp()
    for (const [at, id] of ['zz', 'aa', 'mm'].entries())
      await send(tenant, { id, createdAtMs: T0 + at, type: at === 1 ? 'b' : 'a' })
    const first = await tools.store.events.list({ tenant, limit: 2 })
    const second = await tools.store.events.list({ tenant, limit: 2, after: first.next ?? '' })
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(['mm', 'aa', 'zz'])
    expect((await tools.store.events.list({ tenant, types: ['b'] })).items.map(({ id }) => id)).toEqual([
      'aa',
    ])
    expect(
      (await tools.store.events.list({ tenant, sinceMs: T0 + 1, untilMs: T0 + 2 })).items.map(({ id }) => id),
    ).toEqual(['aa'])
  })

  test('what is written in a transaction of the caller’s is there when it is committed, and is seen then', async () => {
    const { tenant } = await setUp()
    const due: string[] = []
    let onDue = (): void => {}
    const stop = await tools.store.watchCommitted(async (ids) => {
      due.push(...ids)
      onDue()
    })
    try {
      const undone = eventRow(tenant)
      await tools.under.inTransaction(
        async (client) => void (await tools.store.events.insert([undone], client)),
        'ROLLBACK',
      )
      expect(await tools.store.events.get(tenant, undone.id)).toBeUndefined()
      const seen = new Promise<void>((resolve) => {
        onDue = resolve
      })
      let deliveryId = ''
      await tools.under.inTransaction(async (client) => {
        const [written] = await tools.store.events.insert([eventRow(tenant)], client)
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
    await tools.store.endpoints.addSecret(secret(a, 1), 0)
    await tools.store.endpoints.addSecret(secret(b, 2), T0 + 1000)
    const at = async (nowMs: number) =>
      (await tools.store.endpoints.secrets({ scheme: 'v1a', nowMs, endpointId })).map(({ id }) => id)
    expect(await at(T0)).toEqual([b, a])
    expect(await at(T0 + 1000)).toEqual([b])
    await tools.store.endpoints.reseal([{ id: b, sealed: Buffer.from('new') }])
    const [found] = await tools.store.endpoints.secrets({ nowMs: T0 + 1000, endpointId })
    expect(Buffer.from(found?.sealed ?? []).toString()).toBe('new')
    expect(tenant).not.toBe('')
  })

  test('a document lives until its end, and the first of two stays', async () => {
    const kind = `kind-${randomUUID()}`
    const put = (key: string, value: unknown, expiresAtMs: number | null, nowMs = T0) =>
      tools.store.documents.put({ kind, key, value, expiresAtMs }, { ifAbsent: true, nowMs })
    expect(await put('a/1', { n: 1 }, T0 + 10)).toMatchObject({ value: { n: 1 } })
    expect(await put('a/1', { n: 2 }, null)).toMatchObject({ value: { n: 1 } })
    expect(await put('a/1', { n: 3 }, null, T0 + 10)).toMatchObject({ value: { n: 3 } })
    await put('a/2', null, null)
    await put('b/1', 'x', null)
    expect(
      (await tools.store.documents.list(kind, { prefix: 'a/', nowMs: T0 })).items.map(({ key }) => key),
    ).toEqual(['a/1', 'a/2'])
    const many = await tools.store.documents.getMany(kind, ['a/2', 'a/none', 'a/1'], T0)
    expect(many.map(({ key }) => key).sort()).toEqual(['a/1', 'a/2'])
    expect(await tools.store.documents.delete(kind, 'a/2')).toBe(true)
    expect(await tools.store.documents.get(kind, 'a/2', T0)).toBeUndefined()
  })
}
