import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRedis } from '../servers.js'

/** Where a test's messages and results are. */
export interface RunningBroker {
  readonly url: string
  readonly backend: string
  stop(): Promise<void>
}

/** The brokers that remote control and events are shown on. */
export const BROKERS: readonly { readonly name: string; start(): Promise<RunningBroker> }[] = [
  {
    name: 'redis',
    async start() {
      const redis = await startRedis()
      return { url: redis.url, backend: redis.url, stop: () => redis.stop() }
    },
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
