import { describe, expect, it, vi } from 'vitest'
import { message, type TestConsumer, until } from '../../packages/lovage/src/broker/suite/world.suite.js'
import { broker, client, consume, other, useTwoBrokers } from './two-brokers.js'

useTwoBrokers()

/** A consumer whose room is reserved on the server, so that its waits claim by themselves. */
async function idle(options: { slots?: number; queues?: string[] } = {}): Promise<TestConsumer> {
  const consumer = await consume(options)
  await waits(consumer)
  return consumer
}

const waits = (consumer: TestConsumer): Promise<void> =>
  vi.waitFor(
    async () => {
      expect(await client.get(`lovage:reserved:${consumer.holder}`)).toMatch(/^\d+ \d+$/)
      const clients = String(await client.client('LIST')).split('\n')
      expect(
        clients.filter((one) => one.includes('lovage:waiter') && one.includes('cmd=blmove')),
      ).not.toEqual([])
    },
    { timeout: 10_000, interval: 5 },
  )

const waiting = (queue = 'q'): Promise<number> => client.llen(queue)

describe('an idle consumer on Redis', { timeout: 60_000 }, () => {
  it('claims over the connection that waits, without another round trip', async () => {
    const consumer = await idle()
    const list = String(await client.client('LIST')).split('\n')
    const waiter = /addr=(\S+)/.exec(list.find((one) => one.includes('lovage:waiter')) ?? '')?.[1]
    const claims: string[] = []
    const monitor = await client.monitor()
    monitor.on('monitor', (_time: string, words: readonly string[], source: string) => {
      if (/^eval/i.test(words[0] ?? '') && words.includes(`lovage:reserved:${consumer.holder}`))
        claims.push(source)
    })
    try {
      await broker.publish([message('q')])
      await consumer.first()
      await until(
        () => claims.length > 0,
        10_000,
        () => 'no claim',
      )
      expect(claims[0]).toBe(waiter)
      expect(claims.filter((source) => source !== waiter)).toEqual([])
    } finally {
      monitor.disconnect()
    }
  })

  it('takes no more than there is room for, whoever finds the messages', async () => {
    const consumer = await idle({ slots: 1 })
    for (let round = 0; round < 60; round++) {
      await waits(consumer)
      const before = consumer.deliveries.length
      // One that the wait finds, and one that the doorbell announces.
      await Promise.all([broker.publish([message('q')]), other.publish([message('q', { priority: 9 })])])
      const [first] = (await consumer.received(before + 1)).slice(before)
      expect(consumer.deliveries.length).toBe(before + 1)
      if (first) await consumer.ack(first)
      const [second] = (await consumer.received(before + 2)).slice(before + 1)
      if (second) await consumer.ack(second)
    }
    expect(consumer.batches.every((count) => count === 1)).toBe(true)
    expect(consumer.errors).toEqual([])
  })

  it('takes nothing once it has paused, and loses nothing that comes meanwhile', async () => {
    for (let round = 0; round < 40; round++) {
      const consumer = await idle()
      await Promise.all([broker.publish([message('q')]), consumer.inner.pause()])
      expect(consumer.deliveries.length + (await waiting())).toBe(1)
      const taken = consumer.deliveries.length
      await broker.publish([message('q')])
      expect(await waiting()).toBe(2 - taken)
      expect(await client.exists(`lovage:reserved:${consumer.holder}`)).toBe(taken)
      await consumer.ack(...consumer.deliveries)
      await consumer.close()
      expect(await client.keys(`lovage:*:${consumer.holder}`)).toEqual([])
      await broker.purge('q')
    }
  })

  it('takes nothing from a queue that it has left', async () => {
    for (let round = 0; round < 20; round++) {
      const consumer = await idle({ queues: ['q', 'left'] })
      await Promise.all([broker.publish([message('left')]), consumer.inner.setQueues(['q'])])
      const taken = consumer.deliveries.length
      await broker.publish([message('left')])
      await broker.publish([message('q')])
      await consumer.received(taken + 1)
      expect(await waiting('left')).toBe(2 - taken)
      await consumer.ack(...consumer.deliveries)
      await consumer.close()
      await broker.purge('left')
    }
  })

  it('gets every message although its waiting connections are cut while they come', async () => {
    const consumer = await idle({ slots: 10_000 })
    let sent = 0
    for (let round = 0; round < 60; round++) {
      const list = String(await client.client('LIST')).split('\n')
      const ids = list
        .filter((one) => one.includes('lovage:waiter'))
        .map((one) => /^id=(\d+)/.exec(one)?.[1] ?? '')
      await Promise.all([
        broker.publish([message('q')]),
        ...ids.map((id) => client.client('KILL', 'ID', id).catch(() => {})),
      ])
      sent++
    }
    await until(
      () => new Set(consumer.ids).size === sent,
      20_000,
      () => `${new Set(consumer.ids).size} of ${sent} came`,
    )
    expect(await waiting()).toBe(0)
  })

  it('takes each message once where several consumers wait', async () => {
    const all = [await idle(), await idle(), await idle()]
    for (let round = 0; round < 100; round++) await broker.publish([message('q')])
    await until(
      () => all.reduce((sum, one) => sum + one.deliveries.length, 0) >= 100,
      10_000,
      () => 'not all came',
    )
    expect(new Set(all.flatMap((one) => one.ids)).size).toBe(100)
    expect(all.flatMap((one) => one.ids).length).toBe(100)
    expect(all.flatMap((one) => one.errors)).toEqual([])
  })
})
