// How many messages a consumer may hold, as the server is told.
import { until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Broker } from '../../packages/lovage/src/broker/index.js'
import { message, TestConsumer } from '../../packages/lovage/src/broker/suite/world.suite.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { type RabbitServer, startRabbit } from '../servers.js'

let rabbit: RabbitServer
beforeAll(async () => {
  rabbit = await startRabbit()
})
afterAll(() => rabbit.stop())

async function openIn(vhost: string): Promise<Broker> {
  const settings = { brokerNativeDelayedDeliveryQueueType: 'classic' }
  return openBroker(await rabbit.createVhost(vhost), {
    settings,
    clock: systemClock,
    logger: silentLogger,
  })
}

/** Of each consumer of a queue: its limit, and that of its channel. */
async function limits(vhost: string, queue: string): Promise<readonly string[]> {
  const consumers = await rabbit.ctl(
    'list_consumers',
    '-p',
    vhost,
    'queue_name',
    'channel_pid',
    'prefetch_count',
  )
  const channels = await rabbit.ctl('list_channels', 'pid', 'global_prefetch_count')
  const globals = new Map(channels.split('\n').map((line) => line.split('\t') as [string, string]))
  return consumers
    .split('\n')
    .map((line) => line.split('\t'))
    .filter(([name]) => name === queue)
    .map(([, channel = '', own]) => `${own} ${globals.get(channel)}`)
}

describe('what may be held on RabbitMQ', () => {
  test('is the limit of the only consumer, follows the slots both ways, and counts a slot once', async () => {
    const broker = await openIn('single')
    await broker.declare([{ name: 'one' }])
    await broker.publish(Array.from({ length: 40 }, () => message('one')))
    const consumer = await TestConsumer.start(broker, { queues: ['one'], slots: 2 })
    await consumer.received(2)
    expect(await limits('single', 'one')).toEqual(['2 0'])

    // Each ends, frees its slot, and is settled a little later.
    for (const delivery of [...consumer.deliveries]) {
      consumer.slots++
      consumer.inner.demand()
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
      consumer.slots--
      await consumer.ack(delivery)
    }
    await consumer.received(4)
    expect(await limits('single', 'one')).toEqual(['2 0'])

    consumer.slots = 5
    consumer.inner.demand()
    await consumer.received(7)
    await until(async () => (await limits('single', 'one'))[0] === '5 0')

    consumer.slots = 1
    for (const delivery of consumer.deliveries.slice(2, 6)) await consumer.ack(delivery)
    await until(async () => (await limits('single', 'one'))[0] === '1 0')
    expect(consumer.deliveries).toHaveLength(7)
    await consumer.close()
    await broker.close()
  })

  test('is the limit of their channel when there are several; what runs meanwhile is settled where it came from', async () => {
    const broker = await openIn('several')
    await broker.declare([{ name: 'one' }, { name: 'two' }])
    await broker.publish([...Array.from({ length: 3 }, () => message('one')), message('two')])
    const consumer = await TestConsumer.start(broker, { queues: ['one'], slots: 3 })
    const before = [...(await consumer.received(3))]
    await consumer.inner.setQueues(['one', 'two'])
    consumer.slots = 4
    consumer.inner.demand()
    await consumer.received(4)
    expect(await limits('several', 'two')).toEqual(['0 1'])
    for (const delivery of before) expect(await consumer.ack(delivery)).toEqual([])
    expect(consumer.lost).toEqual([])
    await until(async () => (await limits('several', 'two'))[0] === '0 4')
    await consumer.inner.setQueues(['two'])
    await until(async () => (await limits('several', 'two'))[0]?.endsWith(' 0') === true)
    expect(await consumer.ack(...consumer.deliveries.slice(3))).toEqual([])
    await consumer.close()
    await broker.close()
  })
})
