import { expect } from 'vitest'
import type { SuiteTester } from './tester.suite.js'
import { few, idsOf, message, messages, pass, until } from './world.suite.js'

/** Timers of two machines, and of one, differ by this much. */
const TOLERANCE_MS = 15

/** Delayed messages. */
export function delayTests({ test }: SuiteTester): void {
  const durable = { capabilities: ['durableDelay'] } as const

  test(
    'keeps a message with a due time until then',
    async (world) => {
      const dueMs = Date.now() + 1500
      const [later, now] = few(2)
      await world.publish(message(world.queue, { id: later, dueMs }), message(world.queue, { id: now }))
      await world.expectDepth(world.queue, 1, 1)
      const consumer = await world.consume()
      await consumer.received(2)
      expect(Date.now()).toBeGreaterThanOrEqual(dueMs - TOLERANCE_MS)
      expect(Date.now()).toBeLessThan(dueMs + 2000)
      expect(consumer.ids).toEqual([now, later])
      expect(await consumer.ack(...consumer.deliveries)).toEqual([])
    },
    durable,
  )

  test(
    'delivers at once what was due before',
    async (world) => {
      await world.publish(message(world.queue, { dueMs: Date.now() - 1000 }))
      await (await world.consume()).received(1)
    },
    durable,
  )

  test(
    'delivers a short delay before a long one that was published first',
    async (world) => {
      const [long, short] = few(2)
      const nowMs = Date.now()
      await world.publish(
        message(world.queue, { id: long, dueMs: nowMs + 86_400_000 }),
        message(world.queue, { id: short, dueMs: nowMs + 200 }),
      )
      const consumer = await world.consume()
      await consumer.received(1)
      expect(consumer.ids).toEqual([short])
    },
    durable,
  )

  test(
    'postpones a claimed message unchanged',
    async (world) => {
      await world.publish(message(world.queue, { priority: 3 }))
      const consumer = await world.consume()
      const { tag, raw } = await consumer.first()
      const untilMs = Date.now() + 400
      expect(await consumer.settle({ kind: 'postpone', tag, untilMs })).toEqual([])
      await world.expectDepth(world.queue, 0, 1)
      const [, again] = await consumer.received(2)
      expect(Date.now()).toBeGreaterThanOrEqual(untilMs - TOLERANCE_MS)
      expect(again?.raw.toString()).toBe(raw.toString())
      expect(again?.redeliveries).toBe(0)
      expect(again?.tag).not.toBe(tag)
    },
    durable,
  )

  test(
    'puts what is postponed behind others after them when it is due',
    async (world) => {
      const ids = few(3)
      await world.publish(...ids.map((id) => message(world.queue, { id })))
      const consumer = await world.consume({ slots: 1 })
      const { tag } = await consumer.first()
      consumer.slots = 0
      expect(
        await consumer.settle({ kind: 'postpone', tag, untilMs: Date.now() + 50, behind: true }),
      ).toEqual([])
      await until(
        async () => ((await world.broker.depths([world.queue])).get(world.queue)?.delayed ?? 0) === 0,
      )
      consumer.slots = 1000
      consumer.inner.demand()
      await consumer.received(4)
      expect(consumer.ids).toEqual([ids[0], ids[1], ids[2], ids[0]])
    },
    durable,
  )

  test(
    'publishes a delayed continuation with the ack',
    async (world) => {
      await world.publish(message(world.queue))
      const consumer = await world.consume()
      const { tag } = await consumer.first()
      const dueMs = Date.now() + 300
      await consumer.settle({ kind: 'ack', tag, publish: [message(world.queue, { dueMs })] })
      await consumer.received(2)
      expect(Date.now()).toBeGreaterThanOrEqual(dueMs - TOLERANCE_MS)
    },
    durable,
  )

  test(
    'promotes thousands that are due at the same time',
    async (world) => {
      const dueMs = Date.now() + 300
      const ids = idsOf(3000)
      await world.publish(...ids.map((id) => message(world.queue, { id, dueMs })))
      const consumer = await world.consume({ slots: 3000 })
      await consumer.received(3000)
      expect([...consumer.ids].sort()).toEqual(ids)
    },
    durable,
  )

  test(
    'keeps waiting, delayed and claimed messages over a restart',
    async (world) => {
      const [claimed, waiting, due] = few(3)
      await world.publish(message(world.queue, { id: claimed }))
      const consumer = await world.consume({ leaseMs: 500, slots: 1 })
      await consumer.received(1)
      await world.publish(
        ...messages(world.queue, [waiting]),
        message(world.queue, { id: due, dueMs: Date.now() + 1000 }),
      )
      const broker = await world.restart()
      const after = await world.consume({ broker, leaseMs: 500 })
      await after.received(3)
      await pass(50)
      expect([...after.ids].sort()).toEqual([claimed, waiting, due].sort())
    },
    { capabilities: ['durableDelay'], server: ['restart'] },
  )
}
