import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { message, TestConsumer } from '../../packages/lovage/src/broker/suite/world.suite.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { everyStore } from '../every-store.js'

const HOLDER = fileURLToPath(new URL('holder.mjs', import.meta.url))
/** Longer than a busy machine takes to start the thread that renews. */
const LEASE_MS = 10_000

/** What a holder is told, as JSON in its environment. */
interface HolderProgram {
  readonly url: string
  readonly queue: string
  readonly leaseMs: number
  readonly maxBlockMs: number
  readonly blockMs: number
}

/** A process that has taken one message and blocks; it is killed in the end. */
interface BlockedHolder extends Disposable {
  /** What it has written to stderr. */
  said(): string
}

/** Starts a process that takes one message and blocks. */
async function blockedHolder(how: HolderProgram): Promise<BlockedHolder> {
  const child = spawn('node', [HOLDER], {
    env: { ...process.env, HOLDER: JSON.stringify(how) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (text) => {
    said += text
  })
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => {
      throw new Error(`the holder ended: ${said}`)
    }),
  ])
  return { said: () => said, [Symbol.dispose]: () => void child.kill('SIGKILL') }
}

// They wait for leases to end: all at the same time.
describe('a process whose event loop stands still for longer than it may', () => {
  it.concurrent.each(everyStore('standstill').filter(([name]) => name !== 'memory'))(
    'loses its task, and says which, on %s',
    {
      timeout: 60_000,
    },
    async (_, freshUrl) => {
      const url = await freshUrl()
      const broker = await openBroker(url, { settings: {}, clock: systemClock, logger: silentLogger })
      try {
        await broker.declare([{ name: 'q' }])
        await broker.publish([message('q', { id: 'blocks', task: 'shop.block' })])
        const holder = { url, queue: 'q', leaseMs: LEASE_MS, maxBlockMs: 1_500, blockMs: 40_000 }
        using blocked = await blockedHolder(holder)
        const other = await TestConsumer.start(broker, { queues: ['q'], leaseMs: LEASE_MS })
        const [delivery] = await other.received(1, 30_000)
        expect(delivery?.redeliveries).toBe(1)
        await vi.waitFor(() => expect(blocked.said()).toContain('shop.block'), 5_000)
        await other.close()
      } finally {
        await broker.close()
      }
    },
  )
})
