import { Redis } from 'ioredis'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { startRedis } from '../servers.js'

const MESSAGES = 5_000

test('a task in a long queue is found, and removed, without reading the queue over the network', async () => {
  await using redis = await startRedis()
  await using app = createTestApp('backlog', { broker: redis.url, backend: redis.url })
  const client = new Redis(redis.url)
  const task = app.task({ name: 'wait', run: (_ctx, n: number) => n })
  const sent = await Promise.all(Array.from({ length: MESSAGES }, (_, n) => task.delay(n)))
  const odd = await task.applyAsync([-1], { taskId: 'order "7" ü' })
  const wanted = sent[MESSAGES / 2]?.id ?? ''
  // Its parent's id stands in a message that is not its own.
  await task.applyAsync([-2], { parentId: wanted })
  const bytesOut = async (): Promise<number> =>
    Number(/total_net_output_bytes:(\d+)/.exec(await client.info('stats'))?.[1])
  const before = await bytesOut()
  expect(await app.queues.peek(wanted)).toMatchObject({ id: wanted, state: 'ready', args: [MESSAGES / 2] })
  expect(await app.queues.remove([wanted])).toBe(1)
  // Each message has more than 300 bytes.
  expect((await bytesOut()) - before).toBeLessThan((MESSAGES * 300) / 10)
  expect(await app.queues.peek(wanted)).toBeUndefined()
  expect(await app.queues.peek(odd.id)).toMatchObject({ args: [-1] })
  expect(await app.asyncResult(wanted).state()).toBe('REVOKED')
  client.disconnect()
  const many = sent.slice(0, 30).map(({ id }) => id)
  expect((await app.queues.find(many)).map(({ id }) => id).toSorted()).toEqual(many.toSorted())
})

test('a claimed task is found by one look at what is claimed, not by one for each queue', async () => {
  await using redis = await startRedis()
  const queues = Array.from({ length: 30 }, (_, n) => `q${n}`)
  await using app = createTestApp('claims', { broker: redis.url, backend: redis.url, taskQueues: queues })
  const client = new Redis(redis.url)
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const hold = app.task({ name: 'hold', run: () => gate })
  const held = await hold.applyAsync([], { queue: 'q7' })
  const worker = await startTestWorker(app, { queues: ['q7'], hostname: 'w1@box' })
  await until(async () => (await app.queues.peek(held.id))?.state === 'unacked')
  for (const queue of queues) await hold.applyAsync([], { queue })
  const scans = async (): Promise<number> =>
    Number(/cmdstat_hscan:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0)
  const before = await scans()
  expect(await app.queues.peek(held.id)).toMatchObject({ queue: 'q7', state: 'unacked', holder: /w1@box/ })
  expect((await scans()) - before).toBe(1)
  client.disconnect()
  open()
  await worker.stop()
})
