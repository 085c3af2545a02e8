import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Lovage, startWorker } from 'lovage'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import type { Broker } from '../../packages/lovage/src/broker/index.js'
import { openBroker } from '../../packages/lovage/src/drivers/index.js'
import { CountingWorker, driverOptions, idsOf, publishPatiently, taskMessage } from '../redis/fleet.js'
import { type RabbitServer, startPostgres, startRabbit, watch } from '../servers.js'

const WITHIN = { timeout: 60_000, interval: 50 }
const SETTINGS = { brokerNativeDelayedDeliveryQueueType: 'classic' } as const
const TIMEOUT_S = 6

let server: RabbitServer
let producer: Broker
const workers: CountingWorker[] = []
const processes: ChildProcess[] = []

beforeAll(async () => {
  server = await startRabbit({ config: { consumer_timeout: TIMEOUT_S * 1000 } })
})
afterAll(() => server?.stop())
beforeEach(async () => {
  producer = await openBroker(server.url(), driverOptions(SETTINGS))
})
afterEach(async () => {
  for (const child of processes.splice(0)) child.kill('SIGKILL')
  await Promise.all(workers.splice(0).map((worker) => worker.close()))
  await producer.close()
})

let queues = 0
/** A queue of this test's own. */
const newQueue = (): string => `fleet-${++queues}`

async function start(options: Parameters<typeof CountingWorker.start>[1] = {}): Promise<CountingWorker> {
  const worker = await CountingWorker.start(server.url(), { settings: SETTINGS, ...options })
  workers.push(worker)
  return worker
}

const ran = (): Set<string> => new Set(workers.flatMap((worker) => [...worker.runs.keys()]))

async function expectNothingLeft(queue: string): Promise<void> {
  await vi.waitFor(
    async () => expect((await producer.depths([queue])).get(queue)).toMatchObject({ ready: 0 }),
    WITHIN,
  )
}

describe('a fleet on RabbitMQ', () => {
  it('does every task although the server is killed and restarted under load', {
    timeout: 120_000,
  }, async () => {
    const queue = newQueue()
    await start({ queues: [queue] })
    await start({ queues: [queue] })
    const ids = idsOf(3_000)
    const published = publishPatiently(producer, ids, queue)
    await vi.waitFor(() => expect(ran().size).toBeGreaterThanOrEqual(1_000), WITHIN)
    await server.restart()
    await published
    await vi.waitFor(() => expect(ran().size).toBe(ids.length), WITHIN)
    await expectNothingLeft(queue)
    for (const { errors } of workers)
      for (const error of errors) expect(error).toMatchObject({ code: 'LVG_CONNECTION_FAILED' })
  })

  it('runs a task once that goes on while its connection is cut', { timeout: 60_000 }, async () => {
    const queue = newQueue()
    let finish = (): void => {}
    const worker = await start({
      queues: [queue],
      run: () => new Promise<void>((resolve) => (finish = resolve)),
    })
    await publishPatiently(producer, ['through'], queue)
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(1), WITHIN)
    await server.ctl('close_all_connections', 'test')
    await vi.waitFor(() => expect(worker.errors.length).toBe(1), WITHIN)
    finish()
    await vi.waitFor(() => expect(worker.runs.get('through')).toBe(1), WITHIN)
    await expectNothingLeft(queue)
    await worker.close()
    // Had it not been acknowledged, it would be there again.
    await expectNothingLeft(queue)
    expect(worker.refused).toEqual([])
    expect(worker.deliveries.length).toBe(1)
  })

  it('lets a task outrun consumer_timeout without cost to others, and not twice in the worker that has it', {
    timeout: 60_000,
  }, async () => {
    // How often the server looks whether a channel is late; by itself once a minute.
    await server.eval('application:set_env(rabbit, channel_tick_interval, 1000).')
    const queue = newQueue()
    let finish = (): void => {}
    const worker = await start({
      queues: [queue],
      slots: 5,
      settings: { ...SETTINGS, brokerTransportOptions: { consumerTimeout: TIMEOUT_S } },
      run: ({ message }) =>
        'headers' in message && message.headers.id === 'long'
          ? new Promise<void>((resolve) => (finish = resolve))
          : Promise.resolve(),
    })
    await publishPatiently(producer, ['long'], queue)
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(1), WITHIN)
    const begunMs = Date.now()
    let others = 0
    while (worker.errors.length === 0 && Date.now() - begunMs < 50_000) {
      await publishPatiently(producer, [`other-${others++}`], queue)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(worker.errors[0]).toMatchObject({ message: expect.stringContaining('timed out') })
    await vi.waitFor(() => expect(worker.runs.size).toBe(others), WITHIN)
    finish()
    await vi.waitFor(() => expect(worker.runs.get('long')).toBe(1), WITHIN)
    await expectNothingLeft(queue)
    expect([...worker.runs.values()].every((runs) => runs === 1)).toBe(true)
    expect(worker.refused).toEqual([])
    expect(worker.lost).toEqual([])
  })

  it('counts who was lost with a message, in quorum queues too, and nobody who gave it back', {
    timeout: 60_000,
  }, async () => {
    for (const type of ['classic', 'quorum']) {
      const queue = newQueue()
      const declare = (worker: CountingWorker) =>
        worker.broker.declare([{ name: queue, arguments: { 'x-queue-type': type } }])
      await producer.declare([{ name: queue, arguments: { 'x-queue-type': type } }])
      await publishPatiently(producer, ['counted'], queue)
      for (const redeliveries of [0, 1, 2, 2]) {
        const worker = await start({ queues: [], acks: false })
        await declare(worker)
        await worker.consumer.setQueues([queue])
        await vi.waitFor(() => expect(worker.deliveries.length).toBe(1), WITHIN)
        const [delivery] = worker.deliveries
        expect(delivery).toMatchObject({ redeliveries })
        if (redeliveries === 2) {
          // As at a shutdown.
          await worker.consumer.pause()
          const tag = delivery?.tag ?? ''
          expect(await worker.consumer.settle([{ kind: 'requeue', tag, counts: false }])).toEqual([])
        }
        await worker.close()
      }
      expect(await producer.purge(queue)).toBe(1)
    }
  })

  it('tells a producer that the server takes nothing now, and acknowledges meanwhile', {
    timeout: 60_000,
  }, async () => {
    const queue = newQueue()
    const worker = await start({ queues: [queue], acks: false })
    await publishPatiently(producer, ['held'], queue)
    await vi.waitFor(() => expect(worker.deliveries.length).toBe(1), WITHIN)
    await server.ctl('set_vm_memory_high_watermark', 'absolute', '1MB')
    const stuck = producer.publish([taskMessage(queue, 'stuck')])
    const refused = async (): Promise<unknown> =>
      producer.publish([taskMessage(queue, 'refused')]).then(
        () => 'taken',
        (error: unknown) => error,
      )
    try {
      const attempts: Promise<unknown>[] = []
      await vi.waitFor(async () => {
        const attempt = refused()
        attempts.push(attempt)
        const late = new Promise((resolve) => setTimeout(resolve, 100, 'late'))
        expect(await Promise.race([attempt, late])).toMatchObject({
          code: 'LVG_RABBITMQ_REFUSED',
          message: expect.stringContaining('is not accepting messages'),
        })
      }, WITHIN)
      const [held] = worker.deliveries
      if (!held) throw new Error('unreachable')
      expect(await worker.consumer.settle([{ kind: 'ack', tag: held.tag }])).toEqual([])
    } finally {
      await server.ctl('set_vm_memory_high_watermark', '0.4')
    }
    await stuck
    await vi.waitFor(() => expect([...worker.runs.keys()]).toContain('stuck'), WITHIN)
  })
})

describe('workers on RabbitMQ', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-rabbit-'))
  const runs = join(folder, 'runs.txt')
  afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const noted = (): string[] =>
    existsSync(runs) ? readFileSync(runs, 'utf8').split('\n').filter(Boolean) : []

  async function startProcess(): Promise<ChildProcess> {
    const child = spawn(process.execPath, [fileURLToPath(new URL('worker.mjs', import.meta.url))], {
      env: {
        ...process.env,
        WORKER_BROKER: server.url('workers'),
        WORKER_RUNS: runs,
        WORKER_LETTERS: `sqlite://${folder}/letters.db`,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    if (child.pid !== undefined) watch(child.pid, '')
    processes.push(child)
    await once(child.stdout ?? child, 'data')
    return child
  }

  it('do every task although they are killed under load, and put a deadly one aside', {
    timeout: 150_000,
  }, async () => {
    const broker = await server.createVhost('workers')
    await using app = new Lovage('producer', {
      broker,
      backend: 'disabled://',
      deadLetterUrl: `sqlite://${folder}/letters.db`,
      ...SETTINGS,
      env: {},
    })
    const total = 1_000
    await Promise.all(Array.from({ length: total }, (_, n) => app.sendTask('test.work', { args: [n] })))
    for (let kill = 0; kill < 2; kill++) {
      const child = await startProcess()
      const target = Math.min(total, new Set(noted()).size + 200)
      await vi.waitFor(() => expect(new Set(noted()).size).toBeGreaterThanOrEqual(target), WITHIN)
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    }
    await startProcess()
    await vi.waitFor(() => expect(new Set(noted()).size).toBe(total), WITHIN)

    const poison = await app.sendTask('test.poison')
    const letters = async () => (await (await coreOf(app).broker()).deadLetters.list({})).items
    while ((await letters()).length === 0) {
      if (processes.every(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null))
        await startProcess()
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(await letters()).toMatchObject([{ taskId: poison.id, reason: 'worker-lost' }])
    expect(noted().filter((line) => line === 'poison').length).toBeLessThanOrEqual(4)
  })
})

describe('a task that is sent in a transaction on PostgreSQL', () => {
  it('comes to RabbitMQ if that is committed, and once', async () => {
    const postgres = await startPostgres()
    const client = new pg.Client(postgres.url())
    const urls = { backend: postgres.url(), coordinationUrl: postgres.url(), outboxUrl: postgres.url() }
    const app = new Lovage('shop', { broker: server.url(), ...urls, ...SETTINGS, env: {} })
    try {
      await client.connect()
      const queue = newQueue()
      const ran: number[] = []
      const ship = app.task({ name: 'ship', queue, run: (_ctx, id: number) => ran.push(id) })
      await client.query('BEGIN')
      await ship.applyAsync([1], { transaction: client })
      await client.query('ROLLBACK')
      await client.query('BEGIN')
      const sent = await Promise.all([
        ship.applyAsync([2], { transaction: client }),
        ship.applyAsync([3], { transaction: client, countdown: 2 }),
      ])
      expect((await (await coreOf(app).broker()).depths([queue])).get(queue)?.ready).toBe(0)
      await client.query('COMMIT')
      const worker = await startWorker(app, { queues: [queue] })
      await Promise.all(sent.map((result) => result.get({ timeout: 60 })))
      await worker.stop()
      expect(ran).toEqual([2, 3])
    } finally {
      await app.close()
      await client.end()
      await postgres.stop()
    }
  })
})
