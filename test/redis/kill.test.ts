import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Broker } from '../../packages/lovage/src/broker/index.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { type RedisServer, startRedis } from '../servers.js'
import { CountingWorker, driverOptions, idsOf, taskMessage } from './fleet.js'

const PROGRAM = fileURLToPath(new URL('worker-program.mjs', import.meta.url))
const WITHIN = { timeout: 60_000, interval: 20 }
const LEASE_MS = 1_500
const SLOTS = 20

let server: RedisServer
let client: Redis
let producer: Broker
const children = new Set<ChildProcess>()
const workers: CountingWorker[] = []

beforeEach(async () => {
  server = await startRedis()
  client = new Redis(server.url)
  producer = await openBroker(server.url, driverOptions())
})

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(workers.splice(0).map((worker) => worker.close()))
  await producer.close()
  client.disconnect()
  await server.stop()
})

/** What a worker process is told, as JSON in its environment. */
interface WorkerProgram {
  readonly url: string
  readonly leaseMs: number
  readonly slots: number
  /** How long a task waits, on average, before it is acknowledged. */
  readonly taskMs?: number
  /** Tasks whose id begins with `block` keep the event loop busy for this long. */
  readonly blockMs?: number
  readonly maxBlockMs?: number
}

/** A worker in a process of its own; resolves when it works. */
async function startProcess(over: Partial<WorkerProgram> = {}): Promise<ChildProcess> {
  const program: WorkerProgram = { url: server.url, leaseMs: LEASE_MS, slots: SLOTS, ...over }
  const child = spawn('node', [PROGRAM], {
    env: { ...process.env, WORKER_PROGRAM: JSON.stringify(program) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.add(child)
  child.once('exit', () => children.delete(child))
  let output = ''
  child.stderr.on('data', (text) => {
    output += text
  })
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => {
      throw new Error(`the worker ended: ${output}`)
    }),
  ])
  return Object.assign(child, { output: () => output })
}

/** Resolves when the thread that renews leases beside a blocked event loop is there. */
async function leaseThreadIsUp(): Promise<void> {
  await vi.waitFor(
    async () => expect(String(await client.client('LIST'))).toContain('name=lovage:leases'),
    WITHIN,
  )
}

async function expectNothingLeft(): Promise<void> {
  await vi.waitFor(async () => {
    expect(await client.llen('q')).toBe(0)
    expect(await client.hlen('unacked')).toBe(0)
    expect(await client.zcard('unacked_index')).toBe(0)
  }, WITHIN)
}

describe('workers that die', () => {
  it('leave nothing undone, killed at random with 10,000 tasks to do', { timeout: 300_000 }, async () => {
    const ids = idsOf(10_000)
    await producer.publish(ids.map((id) => taskMessage('q', id)))
    const done = (): Promise<number> => client.hlen('runs')
    const start = (): Promise<ChildProcess> => startProcess({ taskMs: 20 })
    const fleet = await Promise.all([start(), start(), start()])
    let kills = 0
    for (; kills < 8; kills++) {
      const before = await done()
      const more = 100 + Math.random() * 600
      const isFar = async (): Promise<boolean> => (await done()) - before >= more
      const endMs = Date.now() + 5_000
      while (!(await isFar()) && (await done()) < ids.length && Date.now() < endMs) await setTimeout(10)
      fleet.shift()?.kill('SIGKILL')
      fleet.push(await start())
    }
    await vi.waitFor(async () => expect(await done()).toBe(ids.length), WITHIN)
    await expectNothingLeft()
    const runs = await client.hgetall('runs')
    expect(Object.keys(runs).sort()).toEqual(ids)
    // A killed process repeats at most what it held.
    const repeated = Object.values(runs).filter((count) => Number(count) > 1).length
    expect(repeated).toBeLessThanOrEqual(kills * SLOTS)
  })

  it('keep a task that blocks the event loop for three leases', { timeout: 60_000 }, async () => {
    await startProcess({ blockMs: 3 * LEASE_MS })
    await leaseThreadIsUp()
    await producer.publish([taskMessage('q', 'block-1')])
    await vi.waitFor(async () => expect(await client.hget('runs', 'block-1')).toBe('1'), WITHIN)
    const other = await CountingWorker.start(server.url, { leaseMs: LEASE_MS })
    workers.push(other)
    await expectNothingLeft()
    expect(other.runs.size).toBe(0)
    expect(await client.hget('runs', 'block-1')).toBe('1')
  })

  it('let a task go that blocks for longer than it may, and say which', { timeout: 60_000 }, async () => {
    const child = await startProcess({ blockMs: 20_000, maxBlockMs: 500 })
    await leaseThreadIsUp()
    const said = vi.fn()
    child.stderr?.on('data', (text) => said(String(text)))
    await producer.publish([taskMessage('q', 'block-1')])
    await vi.waitFor(async () => expect(await client.hlen('unacked')).toBe(1), WITHIN)
    const other = await CountingWorker.start(server.url, { leaseMs: LEASE_MS, slots: 0 })
    workers.push(other)
    await vi.waitFor(async () => expect(await client.llen('q')).toBe(1), WITHIN)
    await vi.waitFor(() => expect(said.mock.calls.join('')).toContain('test.task'), WITHIN)
  })

  it('give up their tasks when they are stopped', { timeout: 60_000 }, async () => {
    const child = await startProcess({ blockMs: 60_000 })
    await producer.publish([taskMessage('q', 'block-1')])
    await vi.waitFor(async () => expect(await client.hget('runs', 'block-1')).toBe('1'), WITHIN)
    child.kill('SIGSTOP')
    const other = await CountingWorker.start(server.url, { leaseMs: LEASE_MS })
    workers.push(other)
    await vi.waitFor(() => expect([...other.runs]).toEqual([['block-1', 1]]), WITHIN)
    expect(other.deliveries[0]).toMatchObject({ redeliveries: 1, message: { redelivered: true } })
  })
})
