import { describe, expect, test } from 'vitest'
import { message, TestConsumer } from '../../packages/lovage/src/broker/suite/world.suite.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { startLine } from '../rabbitmq/line.js'
import { startPostgres, startRedis } from '../servers.js'

const LEASE_MS = 12_000
const options = { settings: {}, clock: systemClock, logger: silentLogger }

const servers: readonly (readonly [
  string,
  () => Promise<{ readonly url: string; stop(): Promise<void> }>,
])[] = [
  ['Redis', startRedis],
  [
    'PostgreSQL',
    async () => startPostgres().then((server) => ({ url: server.url(), stop: () => server.stop() })),
  ],
]

// They wait for leases to end: both at the same time.
describe('connections on which nothing goes any more', () => {
  test.concurrent.each(servers)(
    'to %s are left within a third of the lease, and nothing is lost',
    {
      timeout: 60_000,
    },
    async (_, start) => {
      const server = await start()
      const direct = new URL(server.url)
      await using line = await startLine(Number(direct.port))
      const through = new URL(server.url)
      through.host = `127.0.0.1:${line.port}`
      const [producer, worker] = await Promise.all([
        openBroker(direct.href, options),
        openBroker(through.href, options),
      ])
      try {
        const told: unknown[] = []
        await producer.declare([{ name: 'q' }])
        await producer.publish([message('q')])
        const holder = await TestConsumer.start(worker, {
          queues: ['q'],
          leaseMs: LEASE_MS,
          onError: (error) => told.push(error),
        })
        const held = await holder.first()
        line.freeze()
        const frozenMs = Date.now()
        await producer.publish([message('q')])
        await holder.received(2, LEASE_MS)
        // One more second for a machine that is busy.
        expect(Date.now() - frozenMs).toBeLessThan(LEASE_MS / 3 + 2_000)
        // It went on holding what it held, beyond the lease that it had then.
        await new Promise((resolve) => setTimeout(resolve, LEASE_MS))
        expect(holder.lost).toEqual([])
        expect(await holder.ack(held)).toEqual([])
        expect(told).toHaveLength(1)
        await holder.close()
      } finally {
        await worker.close()
        await producer.close()
        await server.stop()
      }
    },
  )
})
