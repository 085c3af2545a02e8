import { expect } from 'vitest'
import { newId } from '../../kernel/index.js'
import type { ResultRecord } from '../../result/index.js'
import type { SuiteTester } from './tester.suite.js'
import { few, idsOf, message, messages, pass } from './world.suite.js'

/** The settlement of claims, apart from dead letters and delays. */
export function settleTests({ test }: SuiteTester): void {
  test('forgets an acknowledged message', async (world) => {
    await world.publish(message(world.queue))
    const consumer = await world.consume()
    expect(await consumer.ack(await consumer.first())).toEqual([])
    await consumer.close()
    const next = await world.consume()
    await pass(100)
    expect(next.deliveries).toEqual([])
  })

  test('settles thousands at once', async (world) => {
    await world.publish(...messages(world.queue, idsOf(3000)))
    const consumer = await world.consume({ slots: 3000 })
    await consumer.received(3000)
    expect(await consumer.ack(...consumer.deliveries)).toEqual([])
    await world.expectDepth(world.queue, 0, 0)
  })

  test('refuses the second settlement of a tag', async (world) => {
    await world.publish(message(world.queue))
    const consumer = await world.consume()
    const delivery = await consumer.first()
    expect(await consumer.ack(delivery)).toEqual([])
    expect(await consumer.ack(delivery)).toEqual([delivery.tag])
  })

  test('refuses a tag that it never gave, and settles the others', async (world) => {
    await world.publish(message(world.queue))
    const consumer = await world.consume()
    const delivery = await consumer.first()
    const unknown = newId()
    expect(
      await consumer.settle(
        { kind: 'ack', tag: unknown, publish: [message(world.queue)] },
        { kind: 'ack', tag: delivery.tag },
      ),
    ).toEqual([unknown])
    await pass(50)
    expect(consumer.deliveries.length).toBe(1)
  })

  test('publishes the continuation with the ack', async (world) => {
    const [first, second] = few(2)
    const elsewhere = await world.newQueue()
    await world.publish(message(world.queue, { id: first }))
    const consumer = await world.consume({ queues: [world.queue, elsewhere] })
    const { tag } = await consumer.first()
    expect(
      await consumer.settle({ kind: 'ack', tag, publish: [message(elsewhere, { id: second })] }),
    ).toEqual([])
    await consumer.received(2)
    expect(consumer.ids).toEqual([first, second])
    await world.expectDepth(world.queue, 0, 0)
  })

  test('returns a requeued message at once, without counting', async (world) => {
    const [first, second] = few(2)
    await world.publish(...messages(world.queue, [first, second]))
    const consumer = await world.consume({ slots: 1 })
    const { tag } = await consumer.first()
    await consumer.settle({ kind: 'requeue', tag, counts: false })
    await consumer.received(2)
    expect(consumer.ids).toEqual([first, first])
    expect(consumer.deliveries.map(({ redeliveries }) => redeliveries)).toEqual([0, 0])
  })

  test('counts a requeue that says so', async (world) => {
    await world.publish(message(world.queue))
    const consumer = await world.consume({ slots: 1 })
    for (let count = 1; count <= 3; count++) {
      const { tag } = (await consumer.received(count))[count - 1] ?? (await consumer.first())
      await consumer.settle({ kind: 'requeue', tag, counts: true })
    }
    await consumer.received(4)
    expect(consumer.deliveries.map(({ redeliveries }) => redeliveries)).toEqual([0, 1, 2, 3])
  })

  test(
    'settles in one round trip what is settled in one tick',
    async (world) => {
      await world.publish(...messages(world.queue, idsOf(100)))
      const consumer = await world.consume({ slots: 100 })
      await consumer.received(100)
      const before = world.server.settleTrips?.() ?? 0
      const refused = await Promise.all(consumer.deliveries.map((delivery) => consumer.ack(delivery)))
      expect(refused.flat()).toEqual([])
      expect((world.server.settleTrips?.() ?? 0) - before).toBe(1)
    },
    { server: ['settleTrips'] },
  )

  test('claims the next messages after a settlement without being asked', async (world) => {
    const ids = idsOf(50)
    await world.publish(...messages(world.queue, ids))
    const consumer = await world.consume({ slots: 1 })
    for (let count = 1; count <= 50; count++) {
      await consumer.received(count)
      await consumer.ack(...consumer.deliveries.slice(-1))
    }
    expect(consumer.ids).toEqual(ids)
  })

  test(
    'stores results with the ack',
    async (world) => {
      const results = await world.openResults()
      const id = newId()
      await world.publish(message(world.queue, { id }))
      const consumer = await world.consume({ results })
      expect(consumer.inner.settlesResults).toBe(true)
      const { tag } = await consumer.first()
      expect(await consumer.settle({ kind: 'ack', tag, results: [success(id)] })).toEqual([])
      expect(await results.get([id])).toMatchObject([{ id, state: 'SUCCESS', result: 42 }])
    },
    { server: ['openResults'] },
  )

  test(
    'stores no result of a refused settlement',
    async (world) => {
      const results = await world.openResults()
      const id = newId()
      await world.publish(message(world.queue, { id }))
      const consumer = await world.consume({ results })
      const { tag } = await consumer.first()
      await consumer.ack({ ...(await consumer.first()), tag })
      expect(await consumer.settle({ kind: 'ack', tag, results: [success(id)] })).toEqual([tag])
      expect(await results.get([id])).toEqual([])
    },
    { server: ['openResults'] },
  )

  test('pauses: claims no more, keeps what is held, settles it', async (world) => {
    const [a, b] = few(2)
    await world.publish(message(world.queue, { id: a }))
    const consumer = await world.consume()
    const delivery = await consumer.first()
    await consumer.inner.pause()
    await world.publish(message(world.queue, { id: b }))
    await pass(150)
    expect(consumer.ids).toEqual([a])
    expect(await consumer.ack(delivery)).toEqual([])
    await pass(50)
    expect(consumer.ids).toEqual([a])
    expect((await world.broker.depths([world.queue])).get(world.queue)?.ready).toBe(1)
  })

  test('delivers nothing after it was closed', async (world) => {
    const consumer = await world.consume()
    await consumer.close()
    await world.publish(message(world.queue))
    await pass(100)
    expect(consumer.deliveries).toEqual([])
    expect((await world.broker.depths([world.queue])).get(world.queue)?.ready).toBe(1)
  })
}

const success = (id: string): ResultRecord => ({
  id,
  state: 'SUCCESS',
  result: 42,
  resultJson: '42',
  traceback: null,
  children: [],
  dateDone: '2026-01-01T00:00:00+00:00',
})
