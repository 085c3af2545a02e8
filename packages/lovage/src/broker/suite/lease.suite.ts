import { expect } from 'vitest'
import { newId } from '../../kernel/index.js'
import type { SuiteTester } from './tester.suite.js'
import { few, idsOf, incoming, message, messages, pass, until } from './world.suite.js'

/** The fate of a silent holder's messages. */
export function leaseTests({ test }: SuiteTester): void {
  const expiring = { capabilities: ['leases'], server: ['expireLease'] } as const

  test(
    'hands the messages of a silent holder to others and counts it',
    async (world) => {
      const ids = idsOf(5)
      await world.publish(...messages(world.queue, ids))
      // No slot is left in which it could take them back.
      const silent = await world.consume({ slots: 5 })
      await silent.received(5)
      const other = await world.consume({ broker: await world.otherBroker(), leaseMs: 1000 })
      await pass(300)
      expect(other.deliveries).toEqual([])
      await world.expireLease(silent)
      await other.received(5)
      expect(other.ids).toEqual(ids)
      for (const delivery of other.deliveries) {
        expect(delivery.redeliveries).toBe(1)
        expect(incoming(delivery).redelivered).toBe(true)
      }
    },
    expiring,
  )

  test(
    'refuses the settlement of a stale holder with all its effects',
    async (world) => {
      const [id, next] = few(2)
      const elsewhere = await world.newQueue()
      await world.publish(message(world.queue, { id }))
      const stale = await world.consume({ slots: 1 })
      const { tag } = await stale.first()
      const other = await world.consume({ broker: await world.otherBroker(), leaseMs: 1000 })
      await world.expireLease(stale)
      const taken = await other.first()
      const publish = [message(elsewhere, { id: next })]
      expect(await stale.settle({ kind: 'ack', tag, publish })).toEqual([tag])
      await world.expectDepth(elsewhere, 0, 0)
      expect(await other.ack(taken)).toEqual([])
    },
    expiring,
  )

  test(
    'refuses a stale holder every kind of settlement',
    async (world) => {
      const ids = idsOf(3)
      await world.publish(...messages(world.queue, ids))
      const stale = await world.consume({ slots: 3 })
      const [a, b, c] = await stale.received(3)
      if (!a || !b || !c) throw new Error('unreachable')
      const other = await world.consume({ broker: await world.otherBroker(), leaseMs: 1000 })
      await world.expireLease(stale)
      await other.received(3)
      const letterId = newId()
      const refused = await stale.settle(
        { kind: 'requeue', tag: a.tag, counts: true },
        { kind: 'postpone', tag: b.tag, untilMs: Date.now() + 60_000 },
        {
          kind: 'dead-letter',
          tag: c.tag,
          letter: {
            id: letterId,
            taskId: ids[2] ?? null,
            task: 'suite.task',
            queue: world.queue,
            reason: 'failed',
            error: { type: 'Error', message: 'x', traceback: null },
            retries: 0,
            redeliveries: 0,
            worker: 'w',
            failedMs: Date.now(),
            raw: c.raw,
          },
        },
      )
      expect([...refused].sort()).toEqual([a.tag, b.tag, c.tag].sort())
      expect((await world.broker.deadLetters.list({ ids: [letterId] })).items).toEqual([])
      expect(await other.ack(...other.deliveries)).toEqual([])
      await world.expectDepth(world.queue, 0, 0)
    },
    expiring,
  )

  test(
    'keeps what a living holder holds far beyond the lease',
    async (world) => {
      await world.publish(message(world.queue))
      const holder = await world.consume({ leaseMs: 1000 })
      const delivery = await holder.first()
      const other = await world.consume({ broker: await world.otherBroker(), leaseMs: 1000 })
      await pass(3500)
      expect(other.deliveries).toEqual([])
      expect(holder.lost).toEqual([])
      expect(await holder.ack(delivery)).toEqual([])
    },
    { capabilities: ['leases'] },
  )

  test(
    'keeps what a paused holder holds',
    async (world) => {
      await world.publish(message(world.queue))
      const holder = await world.consume({ leaseMs: 1000 })
      const delivery = await holder.first()
      await holder.inner.pause()
      const other = await world.consume({ broker: await world.otherBroker(), leaseMs: 1000 })
      await pass(2500)
      expect(other.deliveries).toEqual([])
      expect(await holder.ack(delivery)).toEqual([])
    },
    { capabilities: ['leases'] },
  )

  test(
    'tells a holder what it has lost',
    async (world) => {
      await world.publish(message(world.queue))
      const holder = await world.consume({ leaseMs: 900 })
      const { tag } = await holder.first()
      const other = await world.consume({ broker: await world.otherBroker(), leaseMs: 500 })
      // Renewal may come between expiry and sweep, so it expires until it is taken.
      while (other.deliveries.length === 0) {
        await world.expireLease(holder)
        await pass(20)
      }
      for (let waited = 0; waited < 5000 && holder.lost.length === 0; waited += 20) await pass(20)
      // It may have taken it back, and lost it again, before the other got it.
      expect(holder.lost).toContain(tag)
    },
    expiring,
  )

  test(
    'goes on working after it has lost its claims',
    async (world) => {
      await world.publish(message(world.queue))
      const holder = await world.consume({ leaseMs: 900, slots: 100 })
      await holder.first()
      const other = await world.consume({ broker: await world.otherBroker(), leaseMs: 500, slots: 1 })
      while (other.deliveries.length === 0) {
        await world.expireLease(holder)
        await pass(20)
      }
      // It may have taken the lost one back in between: what counts is one that comes from now on.
      const [id] = few(1)
      await world.publish(message(world.queue, { id }))
      for (let waited = 0; waited < 5000 && !holder.ids.includes(id); waited += 20) await pass(20)
      expect(await holder.ack(...holder.deliveries.slice(holder.ids.indexOf(id)))).toEqual([])
    },
    expiring,
  )

  test(
    'tells an outage once, and its end once, and goes on',
    async (world) => {
      const told: unknown[] = []
      let recovered = 0
      const consumer = await world.consume({
        leaseMs: 30_000,
        onError: (error) => told.push(error),
        onRecovered: () => recovered++,
      })
      await world.publish(message(world.queue))
      const delivery = await consumer.first()
      const interrupted = world.server.interrupt?.()
      // An idle consumer might notice nothing: it asks while the server is away.
      consumer.inner.demand()
      await interrupted
      await until(() => recovered > 0, 20_000)
      // It is still ours: the lease is longer than the outage.
      expect(await consumer.ack(delivery)).toEqual([])
      await world.publish(message(world.queue))
      await consumer.received(2)
      expect({ told: told.length, recovered }).toEqual({ told: 1, recovered: 1 })
    },
    { server: ['interrupt'] },
  )

  test(
    'returns what a dead holder held as soon as another is told of its death, and counts it',
    async (world) => {
      const ids = idsOf(5)
      await world.publish(...messages(world.queue, ids))
      const dead = await world.consume({ slots: 5 })
      await dead.received(5)
      const heir = await world.consume({ broker: await world.otherBroker() })
      await heir.inner.releaseDead?.([dead.holder, heir.holder])
      await heir.received(5)
      expect(heir.ids).toEqual(ids)
      expect(heir.deliveries.map(({ redeliveries }) => redeliveries)).toEqual([1, 1, 1, 1, 1])
      // Told twice, and by itself: nothing that is held moves.
      await heir.inner.releaseDead?.([dead.holder, heir.holder])
      expect(await heir.ack(...heir.deliveries)).toEqual([])
      await world.expectDepth(world.queue, 0, 0)
    },
    { capabilities: ['leases'] },
  )

  test('returns what a closed consumer held', async (world) => {
    await world.publish(message(world.queue))
    const holder = await world.consume({ leaseMs: 500 })
    await holder.first()
    await holder.close()
    const other = await world.consume({ leaseMs: 500 })
    await other.received(1)
  })

  test('hands what a closed consumer held to one that waits, long before a lease ends', async (world) => {
    await world.publish(message(world.queue))
    const holder = await world.consume({ leaseMs: 60_000 })
    await holder.first()
    const other = await world.consume({ leaseMs: 60_000 })
    await holder.close()
    await other.received(1)
  })
}
