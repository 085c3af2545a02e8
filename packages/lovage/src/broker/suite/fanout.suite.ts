import { expect } from 'vitest'
import type { IncomingMessage } from '../../message/index.js'
import type { SuiteTester } from './tester.suite.js'
import { idsOf, message, messages, newName, pass, until } from './world.suite.js'

/** Exchanges: broadcast to current subscribers, and bindings of queues. */
export function fanoutTests({ test }: SuiteTester): void {
  const fanout = { capabilities: ['fanout'] } as const

  test(
    'broadcasts to every subscriber in every process',
    async (world) => {
      const exchange = newName('x')
      const heard: string[][] = [[], []]
      const other = world.broker.capabilities.shared ? await world.otherBroker() : world.broker
      // The number of subscribers, where the broker knows it.
      expect([0, undefined]).toContain(await world.broker.broadcast(message('', { id: 'alone', exchange })))
      await world.broker.subscribe(exchange, (one) => heard[0]?.push(String(one.headers.id)))
      expect([1, undefined]).toContain(await other.broadcast(message('', { id: 'first', exchange })))
      await other.subscribe(exchange, (one) => heard[1]?.push(String(one.headers.id)))
      const ids = idsOf(20)
      for (const id of ids) await world.broker.broadcast(message('', { id, exchange }))
      const last = ids.at(-1) ?? ''
      await until(() => heard.every((one) => one.includes(last)))
      // A new subscriber may receive a message sent just before.
      expect(heard.map((one) => one.filter((id) => id !== 'first'))).toEqual([ids, ids])
      expect(heard[0]?.[0]).toBe('first')
    },
    fanout,
  )

  test(
    'broadcasts the whole message',
    async (world) => {
      const exchange = newName('x')
      const heard: IncomingMessage[] = []
      await world.broker.subscribe(exchange, (one) => heard.push(one))
      const sent = message('task.sent', { exchange, headers: { hostname: 'h' }, body: '{"a": "é"}' })
      await world.broker.broadcast(sent)
      await until(() => heard.length > 0)
      expect(heard[0]).toMatchObject({ headers: sent.headers, routingKey: 'task.sent', exchange })
      expect(heard[0]?.body.toString()).toBe(sent.body)
    },
    fanout,
  )

  test(
    'keeps exchanges apart, and forgets a broadcast that nobody heard',
    async (world) => {
      const [here, there] = [newName('x'), newName('x')]
      const heard: string[] = []
      await world.broker.broadcast(message('', { id: 'before', exchange: here }))
      await world.broker.subscribe(here, (one) => heard.push(String(one.headers.id)))
      await world.broker.broadcast(message('', { id: 'elsewhere', exchange: there }))
      await world.broker.broadcast(message('', { id: 'here', exchange: here }))
      await until(() => heard.length > 0)
      await pass(50)
      expect(heard).toEqual(['here'])
    },
    fanout,
  )

  test(
    'answers whoever waits under a routing key, in any process, and nobody else',
    async (world) => {
      const exchange = `reply.${newName('x')}`
      const heard: string[][] = [[], []]
      const other = world.broker.capabilities.shared ? await world.otherBroker() : world.broker
      const [mine, theirs] = [newName('k'), newName('k')]
      const end = await world.broker.inbox(exchange, mine, (one) => heard[0]?.push(String(one.headers.id)))
      await world.broker.inbox(exchange, theirs, (one) => heard[1]?.push(String(one.headers.id)))
      for (const [id, key] of [
        ['a', mine],
        ['b', theirs],
        ['c', mine],
        ['nobody', newName('k')],
      ] as const)
        await other.reply(message(key, { id, exchange }))
      await until(() => heard.flat().length >= 3)
      expect(heard).toEqual([['a', 'c'], ['b']])
      end()
      await other.reply(message(mine, { id: 'late', exchange }))
      await other.reply(message(theirs, { id: 'last', exchange }))
      await until(() => heard[1]?.includes('last') === true)
      expect(heard[0]).toEqual(['a', 'c'])
    },
    fanout,
  )

  test(
    'listens by topic',
    async (world) => {
      const exchange = newName('x')
      const heard = { all: [] as string[], workers: [] as string[], online: [] as string[] }
      const listen = (list: string[], pattern?: string) =>
        world.broker.subscribe(exchange, (one) => list.push(one.routingKey), pattern)
      await listen(heard.all)
      await listen(heard.workers, 'worker.#')
      await listen(heard.online, 'worker.online')
      const keys = ['task.sent', 'worker.online', 'worker.heartbeat', 'done']
      for (const key of keys) await world.broker.broadcast(message(key, { exchange }))
      await until(() => heard.all.length === 4)
      await pass(50)
      expect(heard).toEqual({
        all: keys,
        workers: ['worker.online', 'worker.heartbeat'],
        online: ['worker.online'],
      })
    },
    fanout,
  )

  test(
    'hears nothing after unsubscribing',
    async (world) => {
      const exchange = newName('x')
      const heard: string[] = []
      const end = await world.broker.subscribe(exchange, () => heard.push('ended'))
      await world.broker.subscribe(exchange, () => heard.push('other'))
      end()
      end()
      await pass(50)
      await world.broker.broadcast(message('', { exchange }))
      await until(() => heard.length > 0)
      await pass(50)
      expect(heard).toEqual(['other'])
    },
    fanout,
  )

  test('routes through a direct exchange by the exact key', async (world) => {
    const exchange = newName('x')
    const [a, b] = [newName('q'), newName('q')]
    await world.broker.declare([
      { name: a, exchange, exchangeType: 'direct', routingKey: 'media.image' },
      { name: b, exchange, exchangeType: 'direct', routingKey: 'media.video' },
    ])
    await world.publish(message('media.video', { id: 'video', exchange }))
    const consumer = await world.consume({ queues: [a, b] })
    const delivery = await consumer.first()
    expect(consumer.ids).toEqual(['video'])
    expect(delivery.queue).toBe(b)
  })

  test('routes through a topic exchange to every queue that matches', async (world) => {
    const exchange = newName('x')
    const [image, all, none] = [newName('q'), newName('q'), newName('q')]
    await world.broker.declare([
      { name: image, exchange, exchangeType: 'topic', routingKey: '*.image' },
      { name: all, exchange, exchangeType: 'topic', routingKey: 'media.#' },
      { name: none, exchange, exchangeType: 'topic', routingKey: 'mail.#' },
    ])
    await world.publish(message('media.image', { exchange }))
    const consumer = await world.consume({ queues: [image, all, none] })
    await consumer.received(2)
    await pass(50)
    expect(consumer.deliveries.map(({ queue }) => queue).sort()).toEqual([image, all].sort())
    expect(await consumer.ack(...consumer.deliveries)).toEqual([])
  })

  test('publishes to a queue by its name although it has an exchange', async (world) => {
    const queue = newName('q')
    await world.broker.declare([
      { name: queue, exchange: newName('x'), exchangeType: 'topic', routingKey: 'a.*' },
    ])
    await world.publish(...messages(queue, ['direct']))
    const consumer = await world.consume({ queues: [queue] })
    await consumer.received(1)
  })
}
