import { expect } from 'vitest'
import { MessageError } from '../../kernel/index.js'
import type { SuiteTester } from './tester.suite.js'
import { few, idsOf, incoming, message, messages, pass, until } from './world.suite.js'

/** Publishing, claiming, order and prefetch. */
export function deliveryTests({ test, driver }: SuiteTester): void {
  test('delivers what was published', async (world) => {
    const sent = message(world.queue, { headers: { custom: { a: [1, null] } }, priority: 4, body: '["ü €"]' })
    await world.publish(sent)
    const consumer = await world.consume()
    const delivery = await consumer.first()
    const got = incoming(delivery)
    expect(got.headers).toEqual(sent.headers)
    expect(got.body.toString()).toBe(sent.body)
    expect(got).toMatchObject({
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      exchange: '',
      routingKey: world.queue,
      redelivered: false,
    })
    expect(got.properties).toMatchObject({ ...sent.properties })
    expect(delivery).toMatchObject({ queue: world.queue, redeliveries: 0 })
    expect(delivery.raw.length).toBeGreaterThan(10)
    expect(await consumer.ack(delivery)).toEqual([])
    expect([...(await world.broker.depths([world.queue])).keys()]).toEqual([world.queue])
    await world.expectDepth(world.queue, 0, 0)
  })

  test('carries a body of bytes unchanged', async (world) => {
    const bytes = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256))
    await world.publish({ ...message(world.queue), body: bytes, contentEncoding: 'binary' })
    const { body } = incoming(await (await world.consume()).first())
    expect(Buffer.from(body).equals(bytes)).toBe(true)
  })

  test('delivers thousands in the order of their publication, each once', async (world) => {
    const ids = idsOf(5000)
    const consumer = await world.consume({ slots: 300 })
    for (let at = 0; at < ids.length; at += 1000)
      await world.publish(...messages(world.queue, ids.slice(at, at + 1000)))
    let acked = 0
    await until(async () => {
      const batch = consumer.deliveries.slice(acked)
      acked += batch.length
      if (batch.length > 0) expect(await consumer.ack(...batch)).toEqual([])
      return acked === ids.length
    })
    expect(consumer.ids).toEqual(ids)
    await pass(50)
    expect(consumer.deliveries.length).toBe(ids.length)
  })

  test('keeps the order of publications made in one tick', async (world) => {
    const ids = idsOf(200)
    await Promise.all(messages(world.queue, ids).map((one) => world.publish(one)))
    const consumer = await world.consume()
    await consumer.received(200)
    expect(consumer.ids).toEqual(ids)
  })

  test(
    'delivers higher priorities first, and first come first served within one',
    async (world) => {
      const level = driver.priorityLevel ?? ((priority) => priority)
      const priorities = [0, 5, 9, 3, 7, 1, 8, 2, 6, 4]
      const sent = priorities.flatMap((priority) => [1, 2].map(() => message(world.queue, { priority })))
      await world.publish(...sent)
      const consumer = await world.consume()
      await consumer.received(sent.length)
      const wanted = sent
        .map((one, index) => ({ id: one.headers.id, level: level(one.properties.priority ?? 0), index }))
        .sort((a, b) => b.level - a.level || a.index - b.index)
      expect(consumer.ids).toEqual(wanted.map(({ id }) => id))
    },
    { capabilities: ['priorities'] },
  )

  test(
    'gives a message without a priority the place that the wire gives it',
    async (world) => {
      const [low, middle, high, absent] = few(4)
      await world.publish(
        message(world.queue, { id: low, priority: 0 }),
        message(world.queue, { id: middle, priority: 5 }),
        message(world.queue, { id: high, priority: 9 }),
        message(world.queue, { id: absent }),
      )
      const consumer = await world.consume()
      await consumer.received(4)
      const first = driver.absentPriority ?? 9
      expect(consumer.ids).toEqual(first === 9 ? [high, absent, middle, low] : [high, middle, low, absent])
    },
    { capabilities: ['priorities'] },
  )

  test('empties an earlier queue before a later one', async (world) => {
    const second = await world.newQueue()
    const [a, b, c, d, e, f] = few(6)
    await world.publish(...messages(second, [a, b, c]), ...messages(world.queue, [d, e, f]))
    const consumer = await world.consume({ queues: [world.queue, second], slots: 1 })
    for (let count = 1; count <= 6; count++) {
      await consumer.received(count)
      await consumer.ack(...consumer.deliveries.slice(-1))
    }
    expect(consumer.ids).toEqual([d, e, f, a, b, c])
    expect(consumer.deliveries.map(({ queue }) => queue)).toEqual([
      ...Array(3).fill(world.queue),
      ...Array(3).fill(second),
    ])
  })

  test('empties more queues than one claim looks at, each message once', async (world) => {
    const queues = [world.queue]
    while (queues.length < 150) queues.push(await world.newQueue())
    const sent = [0, 149, 148, 70, 64, 63, 31].flatMap((place) => messages(queues[place] ?? '', few(5)))
    await world.publish(...sent)
    const consumer = await world.consume({ queues, slots: 3 })
    for (let acked = 0; acked < sent.length; ) {
      await consumer.received(acked + 1)
      const batch = consumer.deliveries.slice(acked)
      acked += batch.length
      await consumer.ack(...batch)
    }
    await pass(50)
    expect(consumer.ids.toSorted()).toEqual(sent.map(({ headers }) => String(headers.id)).toSorted())
  })

  test('takes turns at its queues when told so: a long one keeps no other waiting', async (world) => {
    const second = await world.newQueue()
    const [long, short] = [idsOf(40), idsOf(3)]
    await world.publish(...messages(world.queue, long), ...messages(second, short))
    const consumer = await world.consume({
      queues: [world.queue, second],
      queueOrder: 'round_robin',
      slots: 1,
    })
    const seen = (): number => consumer.deliveries.filter(({ queue }) => queue === second).length
    for (let count = 1; seen() < short.length; count++) {
      await consumer.received(count)
      await consumer.ack(...consumer.deliveries.slice(-1))
    }
    // In turns it takes six; a server that serves several queues by itself may take a few more.
    expect(consumer.deliveries.length).toBeLessThan(30)
  })

  test('never delivers more than are free', async (world) => {
    const ids = idsOf(20)
    await world.publish(...messages(world.queue, ids))
    const consumer = await world.consume({ slots: 3 })
    await consumer.received(3)
    await pass(100)
    expect(consumer.ids).toEqual(ids.slice(0, 3))
    await consumer.ack(...consumer.deliveries.slice(0, 2))
    await consumer.received(5)
    await pass(50)
    expect(consumer.ids).toEqual(ids.slice(0, 5))
  })

  test('claims nothing while nothing is free, and again at demand', async (world) => {
    const consumer = await world.consume({ slots: 0 })
    const ids = idsOf(3)
    await world.publish(...messages(world.queue, ids))
    await pass(100)
    expect(consumer.ids).toEqual([])
    expect((await world.broker.depths([world.queue])).get(world.queue)?.ready).toBe(3)
    consumer.slots = 2
    consumer.inner.demand()
    await consumer.received(2)
    expect(consumer.ids).toEqual(ids.slice(0, 2))
  })

  test('wakes a consumer that waits', async (world) => {
    const consumer = await world.consume()
    await pass(300)
    const startMs = Date.now()
    await world.publish(message(world.queue))
    await consumer.received(1)
    expect(Date.now() - startMs).toBeLessThan(1000)
  })

  test(
    'wakes a consumer in another process',
    async (world) => {
      const consumer = await world.consume({ broker: await world.otherBroker() })
      await pass(300)
      const startMs = Date.now()
      await world.publish(message(world.queue))
      await consumer.received(1)
      expect(Date.now() - startMs).toBeLessThan(1000)
    },
    { capabilities: ['shared'] },
  )

  test('never gives a message to two consumers', async (world) => {
    const ids = idsOf(2000)
    const other = world.broker.capabilities.shared ? await world.otherBroker() : world.broker
    const consumers = [await world.consume({ slots: 50 }), await world.consume({ broker: other, slots: 50 })]
    await world.publish(...messages(world.queue, ids))
    const acked = [0, 0]
    await until(async () => {
      await Promise.all(
        consumers.map(async (consumer, index) => {
          const batch = consumer.deliveries.slice(acked[index])
          acked[index] = consumer.deliveries.length
          if (batch.length > 0) expect(await consumer.ack(...batch)).toEqual([])
        }),
      )
      return (acked[0] ?? 0) + (acked[1] ?? 0) >= ids.length
    })
    expect(consumers.flatMap((consumer) => consumer.ids).sort()).toEqual(ids)
  })

  test(
    'hands over what is no message as an error, with its bytes',
    async (world) => {
      const good = message(world.queue)
      await world.server.publishRaw?.(world.queue, '{"not": "a message"')
      await world.publish(good)
      const consumer = await world.consume()
      await consumer.received(2)
      const bad = consumer.deliveries.find(({ message: one }) => one instanceof MessageError)
      expect(bad?.message).toMatchObject({ code: 'LVG_MESSAGE_MALFORMED' })
      expect(bad?.raw.toString()).toBe('{"not": "a message"')
      expect(await consumer.ack(...consumer.deliveries)).toEqual([])
      await world.expectDepth(world.queue, 0, 0)
    },
    { server: ['publishRaw'] },
  )

  test('delivers an expired message: the worker decides', async (world) => {
    await world.publish(
      message(world.queue, { headers: { expires: '2020-01-01T00:00:00+00:00' }, expiration: '3600000' }),
    )
    const delivery = await (await world.consume()).first()
    expect(incoming(delivery).headers.expires).toBe('2020-01-01T00:00:00+00:00')
  })

  test(
    'drops the second publication of a name',
    async (world) => {
      const once = { key: `tick-${world.queue}`, ttlMs: 60_000 }
      const [first, second, other] = few(3)
      await world.publish(message(world.queue, { id: first, once }))
      await world.publish(message(world.queue, { id: second, once }), message(world.queue, { id: other }))
      const consumer = await world.consume()
      await consumer.received(2)
      await pass(50)
      expect(consumer.ids).toEqual([first, other])
    },
    { capabilities: ['once'] },
  )

  test('consumes other queues from now on', async (world) => {
    const second = await world.newQueue()
    const consumer = await world.consume()
    await consumer.inner.setQueues([second])
    const [a, b] = few(2)
    await world.publish(...messages(world.queue, [a]), ...messages(second, [b]))
    await consumer.received(1)
    await pass(100)
    expect(consumer.ids).toEqual([b])
    await consumer.inner.setQueues([world.queue, second])
    await consumer.received(2)
    expect(consumer.ids).toEqual([b, a])
  })

  test('consumes from a queue that nobody has declared', async (world) => {
    const queue = `${world.queue}-new`
    const consumer = await world.consume({ queues: [queue] })
    await world.publish(message(queue))
    await consumer.received(1)
  })
}
