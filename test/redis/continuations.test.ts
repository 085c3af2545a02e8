import { describe, expect, it } from 'vitest'
import type { Delivery } from '../../packages/lovage/src/broker/index.js'
import { message, type TestConsumer, until } from '../../packages/lovage/src/broker/suite/world.suite.js'
import type { OutgoingMessage } from '../../packages/lovage/src/message/index.js'
import { broker, client, consume, other, useTwoBrokers } from './two-brokers.js'

useTwoBrokers()

/** Ends a claim, with the message that follows it. */
const goOn = (consumer: TestConsumer, { tag }: Delivery, next: OutgoingMessage): Promise<readonly string[]> =>
  consumer.settle({ kind: 'ack', tag, publish: [next] })

/** How often the server was told that something waits in a list. */
async function pushes(): Promise<number> {
  const stats = await client.info('commandstats')
  return Number(/cmdstat_lpush:calls=(\d+)/.exec(stats)?.[1] ?? 0)
}

describe('a message that continues the only task of a consumer', { timeout: 60_000 }, () => {
  it('is claimed in the step that publishes it, and held as any other is', async () => {
    const consumer = await consume()
    await broker.publish([message('q', { id: 'one' })])
    const first = await consumer.first()
    const before = await pushes()
    expect(await goOn(consumer, first, message('q', { id: 'two' }))).toEqual([])
    const [, second] = await consumer.received(2)
    expect(await pushes()).toBe(before)
    expect(await client.llen('q')).toBe(0)
    // As kombu holds it: the message, and where it came from.
    const [tag = ''] = (await client.hkeys(`lovage:held:${consumer.holder}`)).filter((one) => one !== '')
    const [held, ...place] = JSON.parse((await client.hget('unacked', tag)) ?? '')
    expect(held).toEqual(JSON.parse(String(second?.raw)))
    expect(place).toEqual(['', 'q'])
    expect(await client.zrange('unacked_index', '0', '-1')).toEqual([tag])
    if (second) expect(await consumer.ack(second)).toEqual([])
    expect(await client.exists('unacked', 'unacked_index')).toBe(0)
  })

  it('goes behind what waits already', async () => {
    const consumer = await consume({ slots: 1 })
    await broker.publish([message('q', { id: 'one' })])
    const first = await consumer.first()
    await broker.publish([message('q', { id: 'waiting' })])
    await goOn(consumer, first, message('q', { id: 'two' }))
    const [, waiting] = await consumer.received(2)
    if (waiting) await consumer.ack(waiting)
    await consumer.received(3)
    expect(consumer.ids).toEqual(['one', 'waiting', 'two'])
  })

  it('goes to its queue where the consumer has something else to do, or does not read it', async () => {
    const consumer = await consume({ slots: 2 })
    await broker.publish([message('q', { id: 'one' }), message('q', { id: 'busy' })])
    const [first, busy] = await consumer.received(2)
    const before = await pushes()
    if (first) await goOn(consumer, first, message('q', { id: 'two' }))
    const [, , second] = await consumer.received(3)
    expect(await pushes()).toBe(before + 1)
    if (busy) await consumer.ack(busy)
    if (second) await goOn(consumer, second, message('elsewhere'))
    expect(await client.llen('elsewhere')).toBe(1)
  })

  it('is not taken by a consumer that pauses, and not lost', async () => {
    for (let round = 0; round < 40; round++) {
      const consumer = await consume()
      await broker.publish([message('q')])
      const first = await consumer.first()
      await Promise.all([goOn(consumer, first, message('q')), consumer.inner.pause()])
      expect(consumer.deliveries.length - 1 + (await client.llen('q'))).toBe(1)
      await consumer.ack(...consumer.deliveries.slice(1))
      await consumer.close()
      await broker.purge('q')
    }
  })

  it('returns to its queue when its consumer leaves it unsettled', async () => {
    const consumer = await consume()
    await broker.publish([message('q', { id: 'one' })])
    await goOn(consumer, await consumer.first(), message('q', { id: 'two' }))
    await consumer.received(2)
    await consumer.close()
    const next = await consume({}, other)
    await next.first()
    expect(next.ids).toEqual(['two'])
  })

  it('comes although the connection is cut while it is published', async () => {
    const consumer = await consume()
    await broker.publish([message('q', { id: 'step 0' })])
    let first: Delivery | undefined = await consumer.first()
    for (let step = 1; step <= 60; step++) {
      const id = `step ${step}`
      const list = String(await client.client('LIST')).split('\n')
      const own = list.filter((one) => one.includes('name=lovage'))
      const next = goOn(consumer, first as Delivery, message('q', { id }))
      await Promise.all([
        next,
        ...own.map((one) => client.client('KILL', 'ID', /^id=(\d+)/.exec(one)?.[1] ?? '').catch(() => {})),
      ])
      await until(
        () => consumer.ids.includes(id),
        20_000,
        () => `${id} did not come`,
      )
      first = consumer.deliveries.findLast((_, at) => consumer.ids[at] === id)
    }
    expect(await client.llen('q')).toBe(0)
  })
})
