import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { Broker } from '../../packages/lovage/src/broker/index.js'
import { TestConsumer } from '../../packages/lovage/src/broker/suite/world.suite.js'
import { openRedisBroker } from '../../packages/lovage/src/drivers/redis/broker/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { type RedisServer, startRedis } from '../servers.js'

/** Set before the tests of a file that calls `useTwoBrokers`. */
export let server: RedisServer
export let client: Redis
export let broker: Broker
export let other: Broker
const consumers: TestConsumer[] = []

const openBroker = (): Promise<Broker> =>
  openRedisBroker(server.url, { settings: {}, clock: systemClock, logger: silentLogger })

/** Starts a consumer that ends with the test. */
export async function consume(
  options: { readonly queues?: string[]; readonly slots?: number } = {},
  from = broker,
): Promise<TestConsumer> {
  const consumer = await TestConsumer.start(from, { queues: ['q'], ...options })
  consumers.push(consumer)
  return consumer
}

/** Gives a file a Redis of its own, empty before each test, and two brokers on it. */
export function useTwoBrokers(): void {
  beforeAll(async () => {
    server = await startRedis()
    client = new Redis(server.url)
    ;[broker, other] = await Promise.all([openBroker(), openBroker()])
  })
  afterAll(async () => {
    await Promise.all([broker?.close(), other?.close()])
    client?.disconnect()
    await server?.stop()
  })
  beforeEach(async () => void (await client.flushall()))
  afterEach(async () => {
    for (const one of consumers.splice(0)) await one.close()
  })
}
