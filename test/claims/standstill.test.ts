import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { message, TestConsumer } from '../../packages/lovage/src/broker/suite/world.suite.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { everyStore } from '../every-store.js'

const HOLDER = fileURLToPath(new URL('holder.mjs', import.meta.url))
/** Longer than a busy machine takes to start the thread that renews. */
const LEASE_MS = 5_000
const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** What a holder is told, as JSON in its environment. */
interface HolderProgram {
  readonly url: string
  readonly queue: string
  readonly leaseMs: number
  readonly maxBlockMs: number
  readonly blockMs: number
}

/** Starts a process that takes one message and blocks; `said` is what it has written to stderr. */
async function blockedHolder(how: HolderProgram): Promise<{ readonly said: () => string }> {
  const child = spawn('node', [HOLDER], {
    env: { ...process.env, HOLDER: JSON.stringify(how) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
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
  return { said: () => said }
}

describe.each(everyStore('standstill').filter(([name]) => name !== 'memory'))('on %s', (_, freshUrl) => {
  it('a process whose event loop stands still for longer than it may loses its task, and says which', {
    timeout: 60_000,
  }, async () => {
    const url = await freshUrl()
    const broker = await openBroker(url, { settings: {}, clock: systemClock, logger: silentLogger })
    try {
      await broker.declare([{ name: 'q' }])
      await broker.publish([message('q', { id: 'blocks', task: 'shop.block' })])
      const holder = { url, queue: 'q', leaseMs: LEASE_MS, maxBlockMs: 1_500, blockMs: 40_000 }
      const { said } = await blockedHolder(holder)
      const other = await TestConsumer.start(broker, { queues: ['q'], leaseMs: LEASE_MS })
      const [delivery] = await other.received(1, 30_000)
      expect(delivery?.redeliveries).toBe(1)
      await vi.waitFor(() => expect(said()).toContain('shop.block'), 5_000)
      await other.close()
    } finally {
      await broker.close()
    }
  })
})
