import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRabbit, startRedis } from '../servers.js'

/** Where a test's messages and results are. */
export interface RunningBroker {
  readonly url: string
  readonly backend: string
  stop(): Promise<void>
}

/** Redis, for messages and results. */
export async function startOnRedis(): Promise<RunningBroker> {
  const redis = await startRedis()
  return { url: redis.url, backend: redis.url, stop: () => redis.stop() }
}

/** The brokers that remote control and events are shown on. */
export const BROKERS: readonly { readonly name: string; start(): Promise<RunningBroker> }[] = [
  {
    name: 'redis',
    start: startOnRedis,
  },
  {
    name: 'sqlite',
    async start() {
      const folder = mkdtempSync(join(tmpdir(), 'lovage-control-'))
      const url = `sqlite://${folder}/queue.db`
      return {
        url,
        backend: url,
        async stop() {
          rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
        },
      }
    },
  },
]

/** The brokers on which both languages can be one fleet; `transport` as kombu calls them. */
export const FLEET_BROKERS: readonly {
  readonly name: string
  readonly transport: string
  start(): Promise<RunningBroker>
}[] = [
  {
    name: 'Redis',
    transport: 'redis',
    start: startOnRedis,
  },
  {
    name: 'RabbitMQ',
    transport: 'amqp',
    async start() {
      const [rabbit, redis] = await Promise.all([startRabbit(), startRedis()])
      return {
        url: rabbit.url(),
        backend: redis.url,
        stop: async () => void (await Promise.all([rabbit.stop(), redis.stop()])),
      }
    },
  },
]
