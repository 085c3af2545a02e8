import { expect } from 'vitest'
import type { QueuedMessage } from '../broker.js'
import type { SuiteTester } from './tester.suite.js'
import { few, idsOf, message, messages, newName, pass, type World } from './world.suite.js'

const FAR_MS = 86_400_000

/** Operators' views and actions. */
export function adminTests({ test }: SuiteTester): void {
  const delayed = { capabilities: ['durableDelay'] } as const
  const browsing = { capabilities: ['browsing'] } as const
  const delayedOnes = { capabilities: ['browsing', 'durableDelay'] } as const

  test('is healthy', async (world) => {
    for (const advice of await world.broker.check()) expect(advice).toMatch(/\.$/)
    expect(world.broker.kind).toMatch(/^[a-z]+$/)
    expect(world.broker.location.length).toBeGreaterThan(0)
  })

  test('names the queues that were declared or published to', async (world) => {
    const published = newName('q')
    await world.publish(message(published))
    const names = await world.broker.admin.queues()
    expect(names).toContain(world.queue)
    expect(names).toContain(published)
    expect(new Set(names).size).toBe(names.length)
  })

  test(
    'counts ready, delayed and claimed messages',
    async (world) => {
      const second = newName('q')
      await world.publish(
        ...messages(world.queue, idsOf(5)),
        message(world.queue, { dueMs: Date.now() + FAR_MS }),
      )
      const consumer = await world.consume({ slots: 2 })
      await consumer.received(2)
      const depths = await world.broker.depths([world.queue, second], { unacked: true })
      expect([2, undefined]).toContain(depths.get(world.queue)?.unacked)
      const dueIn = async (ms: number) =>
        (await world.broker.depths([world.queue], { dueByMs: Date.now() + ms })).get(world.queue)?.due
      expect([0, undefined]).toContain(await dueIn(0))
      expect([1, undefined]).toContain(await dueIn(2 * FAR_MS))
      await world.expectDepth(world.queue, 3, 1)
      await world.expectDepth(second, 0, 0)
    },
    delayed,
  )

  test(
    'purges waiting and delayed messages, not claimed ones',
    async (world) => {
      const [held] = few(1)
      await world.publish(message(world.queue, { id: held }))
      const consumer = await world.consume({ slots: 1 })
      const delivery = await consumer.first()
      await world.publish(
        message(world.queue, { priority: 9 }),
        message(world.queue, { priority: 0 }),
        message(world.queue),
        message(world.queue, { dueMs: Date.now() + FAR_MS }),
      )
      expect(await world.broker.purge(world.queue)).toBe(4)
      expect(await world.broker.purge(world.queue)).toBe(0)
      await world.expectDepth(world.queue, 0, 0)
      expect(await consumer.ack(delivery)).toEqual([])
    },
    delayed,
  )

  test(
    'browses in the order of delivery, page by page, and changes nothing',
    async (world) => {
      const ids = idsOf(25)
      await world.publish(...messages(world.queue, ids))
      for (let round = 0; round < 2; round++) {
        const seen = await browseAll(world, 'ready', 10)
        expect(seen.map(({ id }) => id)).toEqual(ids)
        expect(seen[0]).toMatchObject({ queue: world.queue, task: 'suite.task', state: 'ready' })
        expect(seen[0]?.raw.length).toBeGreaterThan(10)
      }
      expect((await world.broker.depths([world.queue])).get(world.queue)?.ready).toBe(25)
    },
    browsing,
  )

  test(
    'browses by state',
    async (world) => {
      const [held, due, ready] = few(3)
      const dueMs = Date.now() + FAR_MS
      await world.publish(message(world.queue, { id: held }))
      const consumer = await world.consume({ slots: 1 })
      await consumer.received(1)
      await world.publish(message(world.queue, { id: due, dueMs }), message(world.queue, { id: ready }))
      const view = (items: readonly QueuedMessage[]) => items.map((one) => [one.id, one.state, one.dueMs])
      expect(view(await browseAll(world, 'ready'))).toEqual([[ready, 'ready', undefined]])
      expect(view(await browseAll(world, 'delayed'))).toEqual([[due, 'delayed', dueMs]])
      const unacked = await browseAll(world, 'unacked')
      expect(view(unacked)).toEqual([[held, 'unacked', undefined]])
      // A broker inside this process has no leases, and so no need of names.
      if (world.broker.capabilities.leases)
        expect(unacked).toMatchObject([{ holder: consumer.holder, redeliveries: 0 }])
      expect((await browseAll(world, undefined, 2)).map(({ id }) => id).sort()).toEqual(
        [held, due, ready].sort(),
      )
    },
    delayedOnes,
  )

  test(
    'browses past what is no message',
    async (world) => {
      await world.server.publishRaw?.(world.queue, 'garbage')
      const [seen] = await browseAll(world, 'ready')
      expect(seen?.raw.toString()).toBe('garbage')
      expect(seen?.task).toBeUndefined()
      expect(seen?.id.length).toBeGreaterThan(0)
    },
    { capabilities: ['browsing'], server: ['publishRaw'] },
  )

  test('moves all waiting messages in their order', async (world) => {
    const target = await world.newQueue()
    const ids = idsOf(1200)
    await world.publish(...messages(world.queue, ids))
    expect(await world.broker.admin.move(world.queue, target)).toBe(1200)
    const consumer = await world.consume({ queues: [target], slots: 1200 })
    await consumer.received(1200)
    expect(consumer.ids).toEqual(ids)
    expect(consumer.deliveries[0]?.queue).toBe(target)
    expect((await world.broker.depths([world.queue])).get(world.queue)?.ready).toBe(0)
  })

  test(
    'finds messages by task id, in every queue and state',
    async (world) => {
      const other = await world.newQueue()
      const [held, due, ready, elsewhere] = few(4)
      const dueMs = Date.now() + FAR_MS
      await world.publish(message(world.queue, { id: held }))
      const consumer = await world.consume({ slots: 1 })
      await consumer.received(1)
      await world.publish(
        message(world.queue, { id: due, dueMs }),
        ...messages(world.queue, [...idsOf(1100), ready]),
        message(other, { id: elsewhere, priority: 3 }),
      )
      const found = await world.broker.admin.find([held, due, ready, elsewhere, newName('none')])
      const views = found.map(({ id, queue, state, task, dueMs }) => ({ id, queue, state, task, dueMs }))
      expect(views.sort((a, b) => a.id.localeCompare(b.id))).toEqual(
        [
          { id: held, queue: world.queue, state: 'unacked', task: 'suite.task', dueMs: undefined },
          { id: due, queue: world.queue, state: 'delayed', task: 'suite.task', dueMs },
          { id: ready, queue: world.queue, state: 'ready', task: 'suite.task', dueMs: undefined },
          { id: elsewhere, queue: other, state: 'ready', task: 'suite.task', dueMs: undefined },
        ].sort((a, b) => a.id.localeCompare(b.id)),
      )
      expect(await world.broker.admin.find([])).toEqual([])
    },
    delayedOnes,
  )

  test(
    'removes messages by task id, waiting or delayed, not claimed',
    async (world) => {
      const [held, a, b, c] = few(4)
      await world.publish(message(world.queue, { id: held }))
      const consumer = await world.consume({ slots: 1 })
      const delivery = await consumer.first()
      await world.publish(
        ...messages(world.queue, [a, c]),
        message(world.queue, { id: b, dueMs: Date.now() + FAR_MS }),
      )
      expect(await world.broker.admin.remove([held, a, b, newName('none')])).toBe(2)
      await consumer.ack(delivery)
      await consumer.received(2)
      await pass(50)
      expect(consumer.ids).toEqual([held, c])
    },
    delayedOnes,
  )

  test(
    'makes delayed messages due',
    async (world) => {
      const [now, soon, far] = few(3)
      const dueMs = Date.now() + FAR_MS
      await world.publish(...[now, soon, far].map((id) => message(world.queue, { id, dueMs })))
      const consumer = await world.consume()
      expect(await world.broker.admin.promote([now])).toBe(1)
      await consumer.received(1)
      const soonMs = Date.now() + 300
      expect(await world.broker.admin.promote([soon, newName('none')], soonMs)).toBe(1)
      await consumer.received(2)
      expect(Date.now()).toBeGreaterThanOrEqual(soonMs - 15)
      expect(consumer.ids).toEqual([now, soon])
      expect((await world.broker.depths([world.queue])).get(world.queue)?.delayed).toBe(1)
    },
    delayedOnes,
  )

  test(
    'makes messages due under an ETA of their own that follows, so that no worker puts them off again',
    async (world) => {
      const [delayed, waiting, later] = few(3)
      const dueMs = Date.now() + FAR_MS
      const eta = new Date(dueMs).toISOString()
      await world.publish(
        message(world.queue, { id: delayed, dueMs, headers: { eta } }),
        // As it comes from a producer that leaves delays to workers.
        message(world.queue, { id: waiting, headers: { eta } }),
        message(world.queue, { id: later }),
      )
      const laterMs = Date.now() + 2 * FAR_MS
      expect(await world.broker.admin.promote([later], laterMs)).toBe(1)
      expect(await world.broker.admin.find([later])).toMatchObject([{ state: 'delayed', dueMs: laterMs }])
      expect(await world.broker.admin.promote([delayed, waiting])).toBe(2)
      const consumer = await world.consume()
      await consumer.received(2)
      expect([...consumer.ids].sort()).toEqual([delayed, waiting].sort())
      const etas = consumer.deliveries.map(({ message }) => 'headers' in message && message.headers.eta)
      expect(etas).toEqual([null, null])
      expect(await world.broker.admin.promote([later])).toBe(1)
      await consumer.received(3)
    },
    delayedOnes,
  )

  test('declares a queue again without losing its messages', async (world) => {
    await world.publish(message(world.queue))
    await world.declare(world.queue, world.queue)
    await (await world.consume()).received(1)
  })

  test('refuses work after it was closed', async (world) => {
    const broker = await world.otherBroker()
    await broker.close()
    await broker.close()
    await expect(broker.publish([message(world.queue)])).rejects.toMatchObject({
      code: 'LVG_CONNECTION_CLOSED',
    })
  })
}

async function browseAll(
  world: World,
  state: QueuedMessage['state'] | undefined,
  limit = 100,
): Promise<QueuedMessage[]> {
  const seen: QueuedMessage[] = []
  let after: string | undefined
  do {
    const page = await world.broker.admin.browse(world.queue, {
      limit,
      ...(state ? { state } : {}),
      ...(after === undefined ? {} : { after }),
    })
    expect(page.items.length).toBeLessThanOrEqual(limit)
    seen.push(...page.items)
    after = page.next
  } while (after !== undefined)
  return seen
}
