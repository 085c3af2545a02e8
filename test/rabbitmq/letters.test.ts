import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Lovage, Queue, Reject, startWorker } from 'lovage'
import { createTestApp, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { AmqpConnection, parseAmqpUrls } from '../../packages/lovage/src/drivers/amqp/client/index.js'
import { silentLogger } from '../../packages/lovage/src/kernel/index.js'
import { lovage } from '../cli/command.js'
import { type RabbitServer, startRabbit } from '../servers.js'

vi.setConfig({ testTimeout: 90_000 })

let server: RabbitServer
let operator: AmqpConnection
const folder = mkdtempSync(join(tmpdir(), 'lovage-letters-'))

beforeAll(async () => {
  server = await startRabbit()
  operator = new AmqpConnection(parseAmqpUrls(server.url()), 'operator', silentLogger)
}, 120_000)
afterAll(async () => {
  await operator?.close()
  await server?.stop()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

const depth = async (queue: string): Promise<number> => {
  const channel = await operator.channel()
  const { messages } = await channel.inspectQueue(queue)
  await channel.close()
  return messages
}
const open = (options: object = {}): Lovage =>
  createTestApp('shop', {
    broker: server.url(),
    backend: 'disabled://',
    taskDefaultQueue: 'shop',
    brokerNativeDelayedDeliveryQueueType: 'classic',
    ...options,
  })

/** A task that becomes a dead letter of the queue `billing`. */
const failing = (app: Lovage) =>
  app.task({
    name: 'shop.bill',
    queue: 'billing',
    deadLetter: 'failures',
    run: () => {
      throw new Error('no')
    },
  })

describe('dead letters on RabbitMQ', () => {
  it('are found by a process that has never heard of their queue', async () => {
    const app = open()
    const fail = failing(app)
    await Promise.all([fail.delay(), fail.delay()])
    const worker = await startWorker(app, { queues: ['billing'] })
    await until(async () => (await app.deadLetters.queues()).get('billing') === 2, { timeoutMs: 30_000 })
    await worker.stop()
    await app.close()
    const stranger = open()
    expect([...(await stranger.deadLetters.queues())]).toEqual([['billing', 2]])
    await stranger.close()
    const run = (...args: readonly string[]) => lovage(['-b', server.url(), ...args], { cwd: folder })
    expect((await run('dead', 'list')).stdout).toContain('shop.bill')
    // A queue of letters is nobody's to work on, and is counted with the queue that they come from.
    const health = JSON.parse((await run('health', '--json')).stdout) as {
      queues: { name: string; dead: number }[]
    }
    const counts = health.queues.map(({ name, dead }) => [name, dead])
    expect(counts).toContainEqual(['billing', 2])
    expect(counts.map(([name]) => name)).not.toContain('billing.dead')
    expect((await run('doctor')).stdout).toMatch(/dead letters.*holds 2/)
    // What waits is purged; letters stay until they are purged themselves.
    expect(await run('purge', 'billing', '-f')).toMatchObject({ code: 0 })
    expect(await depth('billing.dead')).toBe(2)
    expect(await run('dead', 'purge', '--all', '-f')).toMatchObject({ code: 0 })
    expect(await depth('billing.dead')).toBe(0)
  })

  it('are seen at once by processes that looked before there were any', async () => {
    const broker = await server.createVhost('seen')
    await server.ctl('add_user', 'looker', 'looker')
    await server.ctl('set_permissions', '-p', 'seen', 'looker', '', '', '.*')
    const [app, other, looker] = [
      open({ broker }),
      open({ broker }),
      open({ broker: broker.replace('guest:guest', 'looker:looker') }),
    ]
    const fail = failing(app)
    // The queue is known to one of them, its letters to none; one may create nothing.
    other.task({ name: 'shop.bill', queue: 'billing', run: () => {} })
    await other.queues.report(['billing'])
    for (const each of [app, other, looker]) expect((await each.deadLetters.queues()).size).toBe(0)
    await fail.delay()
    const worker = await startWorker(app, { queues: ['billing'] })
    await until(async () => (await server.ctl('list_queues', '-p', 'seen')).includes('billing.dead\t1'), {
      timeoutMs: 30_000,
    })
    expect([...(await other.deadLetters.queues())]).toEqual([['billing', 1]])
    expect((await other.queues.report(['billing']))[0]).toMatchObject({ dead: 1 })
    await worker.stop()
    // One that an operator deletes is made again, empty: the server has nothing to log each time that somebody looks.
    await server.ctl('delete_queue', '-p', 'seen', 'billing.dead')
    expect((await other.deadLetters.queues()).size).toBe(0)
    expect(await server.ctl('list_queues', '-p', 'seen')).toContain('billing.dead\t0')
    for (const each of [app, other, looker]) await each.close()
  })

  it.each([
    ['beside its letter', {}],
    ['also where letters lie elsewhere', { deadLetterUrl: `sqlite://${folder}/letters.db` }],
  ])('leave what was rejected to the exchange that its queue names for that, %s', async (_, options) => {
    const name = `strict-${Object.keys(options).length}`
    const channel = await operator.channel()
    await channel.declareExchange({ name: `${name}-dlx`, type: 'fanout' })
    await channel.declareQueue({ name: `${name}-rejected` })
    await channel.bindQueue(`${name}-rejected`, `${name}-dlx`, '')
    await using app = open({
      taskQueues: [new Queue(name, { deadLetterExchange: `${name}-dlx` })],
      ...options,
    })
    app.task({
      name: 'shop.reject',
      queue: name,
      run: () => {
        throw new Reject('not mine')
      },
    })
    app.task({
      name: 'shop.fail',
      queue: name,
      deadLetter: 'failures',
      run: () => {
        throw new Error('no')
      },
    })
    await app.sendTask('shop.reject')
    await app.sendTask('shop.fail')
    await app.sendTask('nobody.knows', { queue: name })
    const worker = await startWorker(app, { queues: [name] })
    await until(async () => (await app.deadLetters.queues()).get(name) === 3, { timeoutMs: 30_000 })
    // The one that ran and failed was done with.
    await until(async () => (await depth(`${name}-rejected`)) === 2, { timeoutMs: 30_000 })
    expect(await depth(name)).toBe(0)
    await worker.stop()
  })
})
