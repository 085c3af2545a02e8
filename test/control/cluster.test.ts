import type { Worker } from 'lovage'
import { createTestApp, FakeClock, startTestWorker, until } from 'lovage/testing'
import { describe, expect, test, vi } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { ClusterState } from '../../packages/lovage/src/cluster/index.js'
import type { Event } from '../../packages/lovage/src/events/index.js'
import { runPython } from '../servers.js'
import { BROKERS } from './brokers.js'

// Programs are started here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 90_000 })

describe.each(BROKERS)('the cluster on $name', ({ start }) => {
  test('is known by its events: who lives, what became of tasks, and who has gone', async () => {
    const broker = await start()
    const settings = { broker: broker.url, backend: broker.backend, env: {} } as const
    const app = createTestApp('shop', settings)
    const client = createTestApp('client', settings)
    let worker: Worker | undefined
    try {
      app.task({ name: 'shop.add', params: ['x', 'y'], run: (_ctx, x: number, y: number) => x + y })
      app.task({
        name: 'shop.fail',
        run: () => {
          throw new RangeError('no')
        },
      })
      worker = await startTestWorker(app, { hostname: 'w1@box' })
      const kinds: string[] = []
      await using cluster = await client.events.cluster({ onEvent: ({ type }) => kinds.push(type) })
      // It asks, so that nobody waits for the next heartbeat.
      await until(() => cluster.alive.length === 1, { timeoutMs: 20_000 })
      expect(cluster.workers).toMatchObject([{ hostname: 'w1@box', isAlive: true, pid: process.pid }])
      await client.control.enableEvents({ destination: 'w1@box', timeout: 20 })
      const added = await client.sendTask('shop.add', { args: [1, 2] })
      const failed = await client.sendTask('shop.fail')
      await until(
        () => cluster.task(added.id)?.state === 'SUCCESS' && cluster.task(failed.id)?.state === 'FAILURE',
        { timeoutMs: 20_000 },
      )
      expect(cluster.task(added.id)).toMatchObject({ name: 'shop.add', result: '3', worker: 'w1@box' })
      expect(cluster.task(failed.id)).toMatchObject({ exception: "RangeError('no')" })
      expect(cluster.counts).toEqual({ FAILURE: 1, SUCCESS: 1 })
      expect(cluster.tasks({ name: 'shop.add' }).map(({ id }) => id)).toEqual([added.id])
      expect(kinds).toContain('worker-heartbeat')

      // Nobody who reaches the broker can fill or stop it.
      const say = async (body: string) =>
        (await coreOf(client).broker()).broadcast({
          headers: {},
          body,
          contentType: 'application/json',
          contentEncoding: 'utf-8',
          properties: { correlationId: null, replyTo: null, deliveryMode: 1 },
          exchange: 'celeryev',
          routingKey: 'task.multi',
        })
      for (const body of [
        'null',
        '[]',
        '{broken',
        '[[[]], 7, null, {"type": 1}]',
        `[${'['.repeat(5000)}${']'.repeat(5000)}]`,
        `"${'x'.repeat(9 * 1024 * 1024)}"`,
        JSON.stringify({ type: 'task-failed', hostname: 'x@y', timestamp: 1, uuid: {}, clock: 2 ** 53 }),
        '{"type": "task-received", "hostname": "x@y", "timestamp": 1, "uuid": "forged", "clock": 99999999999999999999}',
      ])
        await say(body)
      await until(() => cluster.task('forged') !== undefined, { timeoutMs: 20_000 })
      expect(cluster.unreadable).toBeGreaterThanOrEqual(2)
      expect(cluster.task(added.id)?.state).toBe('SUCCESS')
      expect(await client.control.ping({ destination: 'w1@box', timeout: 20 })).toHaveProperty('w1@box')

      await worker.stop()
      await until(() => cluster.alive.length === 0, { timeoutMs: 20_000 })
      expect(cluster.workers).toMatchObject([{ hostname: 'w1@box', isAlive: false }])
    } finally {
      await worker?.stop()
      await app.close()
      await client.close()
      await broker.stop()
    }
  })
})

test('our state of a cluster is that of Celery for the same events', async () => {
  const clock = new FakeClock()
  const random = seeded(20_261_121)
  const events: Event[] = []
  const lives = Array.from({ length: 200 }, (_, n) => lifeOf(`task-${n}`, random))
  // Interleaved, each life in its own order.
  while (lives.some((life) => life.length > 0)) {
    const [next] = lives[Math.floor(random() * lives.length)]?.splice(0, 1) ?? []
    if (next)
      events.push({
        ...next,
        clock: events.length + 1,
        timestamp: 1_800_000_000 + events.length,
        pid: 1,
      } as Event)
  }
  const state = new ClusterState()
  for (const event of events) state.add(event, clock.now())
  const ours = Object.fromEntries(
    state.tasks().map(({ id, state, name, worker, retries }) => [id, [state, name, worker, retries]]),
  )
  const theirs = JSON.parse(
    await runPython(`
from celery.events.state import State
state = State()
for event in json.loads(${JSON.stringify(JSON.stringify(events))}):
    event['local_received'] = event['timestamp']
    state.event(event)
print(json.dumps({
    task.uuid: [task.state, task.name, task.worker.hostname, task.retries] for task in state.tasks.values()
}))
`),
  )
  expect(ours).toEqual(theirs)
  expect(state.counts()).toMatchObject({ SUCCESS: expect.any(Number), FAILURE: expect.any(Number) })
})

/**
 * What is told of one task: sent, then runs with some retries, and an end. No rejection: to Celery that has come before its begin.
 */
function lifeOf(uuid: string, random: () => number): object[] {
  const pick = <T>(...choices: readonly [T, ...T[]]): T =>
    choices[Math.floor(random() * choices.length)] ?? choices[0]
  const life: object[] = []
  if (random() < 0.5) life.push({ type: 'task-sent', hostname: 'gen@box', uuid, name: 'n', retries: 0 })
  for (let retries = 0; ; retries++) {
    const hostname = pick('w1@box', 'w2@box')
    life.push(
      { type: 'task-received', hostname, uuid, name: 'n', retries },
      { type: 'task-started', hostname, uuid },
    )
    if (random() < 0.3) life.push({ type: 'task-retried', hostname, uuid })
    else {
      life.push({
        type: pick('task-succeeded', 'task-failed', 'task-revoked'),
        hostname,
        uuid,
      })
      return life
    }
  }
}

/** A generator of numbers that is the same each time. */
function seeded(seed: number): () => number {
  let at = seed
  return () => {
    at = (at * 1_103_515_245 + 12_345) % 2_147_483_648
    return at / 2_147_483_648
  }
}
