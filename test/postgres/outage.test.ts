import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Broker } from '../../packages/lovage/src/broker/index.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { CountingWorker, driverOptions, idsOf, publishPatiently } from '../redis/fleet.js'
import { type PostgresServer, startPostgres, watch } from '../servers.js'

const WITHIN = { timeout: 20_000, interval: 20 }

let server: PostgresServer
let producer: Broker
const workers: CountingWorker[] = []
const processes: ChildProcess[] = []

beforeEach(async () => {
  server = await startPostgres()
  producer = await openBroker(server.url(), driverOptions())
})
afterEach(async () => {
  for (const child of processes.splice(0)) child.kill('SIGKILL')
  await Promise.all(workers.splice(0).map((worker) => worker.close()))
  await producer.close()
  await server.stop()
})

async function start(options: Parameters<typeof CountingWorker.start>[1] = {}): Promise<CountingWorker> {
  const worker = await CountingWorker.start(server.url(), options)
  workers.push(worker)
  return worker
}

const ran = (): Set<string> => new Set(workers.flatMap((worker) => [...worker.runs.keys()]))

async function expectNothingLeft(): Promise<void> {
  await vi.waitFor(
    async () =>
      expect(await server.sql('select state, count(*) from lovage_message group by state')).toEqual([]),
    WITHIN,
  )
}

describe('a fleet on PostgreSQL', () => {
  it('does every task although the server is killed and restarted under load', {
    timeout: 90_000,
  }, async () => {
    await start()
    await start()
    const ids = idsOf(10_000)
    const published = publishPatiently(producer, ids)
    for (let kill = 0; kill < 3; kill++) {
      const target = Math.min(ids.length, ran().size + 1_500)
      await vi.waitFor(() => expect(ran().size).toBeGreaterThanOrEqual(target), WITHIN)
      await server.restart()
    }
    await published
    await vi.waitFor(() => expect(ran().size).toBe(ids.length), WITHIN)
    await expectNothingLeft()
    for (const { errors } of workers) {
      for (const error of errors) expect(error).toMatchObject({ code: 'LVG_CONNECTION_FAILED' })
      // Once for each outage, not for each attempt.
      expect(errors.length).toBeLessThanOrEqual(6)
    }
  })

  it('does every task although its connections are cut at random', { timeout: 90_000 }, async () => {
    await start({ leaseMs: 1_500 })
    await start({ leaseMs: 1_500 })
    const ids = idsOf(5_000)
    const published = publishPatiently(producer, ids)
    for (let cut = 0; cut < 40 && ran().size < ids.length; cut++)
      await server.sql(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name like 'lovage%' and pid <> pg_backend_pid() and random() < 0.4`,
      )
    await published
    await vi.waitFor(() => expect(ran().size).toBe(ids.length), WITHIN)
    await expectNothingLeft()
  })

  it('takes what it can from one that is full of other transactions', async () => {
    // A row that somebody has locked is passed over, not waited for.
    const worker = await start({ acks: false })
    await worker.consumer.pause()
    await publishPatiently(producer, idsOf(3))
    const holder = await start({ acks: false, slots: 2 })
    await vi.waitFor(() => expect(holder.deliveries.length).toBe(2), WITHIN)
    await vi.waitFor(
      async () =>
        expect(await server.sql('select count(*) from lovage_message where state = 0')).toEqual(['1']),
      20_000,
    )
  })

  it('hands back what was claimed by a statement whose answer was lost', async () => {
    const worker = await start({ acks: false, slots: 10, leaseMs: 900 })
    await worker.consumer.setQueues(['elsewhere'])
    await publishPatiently(producer, ['orphan'])
    // As a claim leaves it behind.
    await server.sql(
      `update lovage_message set state = 2, claim = 7, holder = (select holder from lovage_holder limit 1)`,
    )
    await worker.consumer.setQueues(['q'])
    await vi.waitFor(() => expect([...worker.runs.keys()]).toEqual(['orphan']), WITHIN)
    expect(worker.deliveries[0]).toMatchObject({ redeliveries: 0 })
  })
})

/** A worker in a process of its own. */
async function startProcess(environment: Record<string, string>): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('worker.mjs', import.meta.url))
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, WORKER_URL: server.url(), ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  if (child.pid !== undefined) watch(child.pid, '')
  processes.push(child)
  await once(child.stdout ?? child, 'data')
  return child
}

const runs = async (): Promise<readonly string[]> => server.sql('select n from runs')

describe('workers on PostgreSQL', () => {
  beforeEach(async () => {
    await server.sql('create table runs (n int, at timestamptz default now())')
  })

  it('keep a task that blocks the event loop for three leases', { timeout: 60_000 }, async () => {
    await startProcess({ BLOCK_MS: '3000', LEASE: '1' })
    await publishPatiently(producer, ['block'])
    await vi.waitFor(async () => expect((await runs()).length).toBe(1), WITHIN)
    const other = await start({ leaseMs: 1_000 })
    await expectNothingLeft()
    expect((await runs()).length).toBe(1)
    expect(other.deliveries).toEqual([])
  })

  it('give up their tasks when they are stopped', { timeout: 60_000 }, async () => {
    const child = await startProcess({ BLOCK_MS: '20000', LEASE: '1' })
    await publishPatiently(producer, ['stopped'])
    await vi.waitFor(async () => expect((await runs()).length).toBe(1), WITHIN)
    child.kill('SIGSTOP')
    const other = await start({ leaseMs: 1_000 })
    await vi.waitFor(() => expect([...other.runs.keys()]).toEqual(['stopped']), WITHIN)
    expect(other.deliveries[0]?.redeliveries).toBe(1)
  })

  it('end by themselves once they have stopped, though their app is open', async () => {
    const child = await startProcess({ BLOCK_MS: '0', LEASE: '5', STOP: '1' })
    await vi.waitFor(() => expect(child.exitCode).toBe(0), WITHIN)
  })
})
