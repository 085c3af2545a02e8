import { Redis } from 'ioredis'
import { chain, type Event, type Lovage, type Worker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  type PythonCelery,
  pythonCelery,
  type RabbitServer,
  type RedisServer,
  startRabbit,
  startRedis,
} from '../servers.js'

/** What a fleet of both languages must keep to while it has work: a test for each, and a ledger of the load at the end. */
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })
const PATIENT = { timeoutMs: 120_000 }
/** Notes that may wait or run at a time: on a slow machine the load is less, and other tasks do not wait behind it. */
const MOST_WAITING = 40

const PYTHON = (options: object) => `
  import time, uuid
  app.conf.update(task_default_queue='work', task_track_started=True, worker_prefetch_multiplier=1, task_acks_late=True,
                  broker_transport_options=json.loads('${JSON.stringify(options)}'))

  @app.task(name='load.note', bind=True)
  def note(self):
      app.backend.client.hincrby('ran', self.request.id, 1)

  @app.task(name='load.where', bind=True)
  def where(self):
      return ['py', self.request.delivery_info['routing_key']]

  @app.task(name='load.hold')
  def hold():
      time.sleep(60)`

/** Sends notes until it is told to stop. */
const SENDER = `
sent = 0
with app.connection_for_write() as connection:
    producer = app.amqp.Producer(connection)
    while not app.backend.client.exists('stop'):
        time.sleep(0.05)
        if app.backend.client.llen('sent') - app.backend.client.hlen('ran') > ${MOST_WAITING}:
            continue
        ids = [str(uuid.uuid4()) for _ in range(5)]
        app.backend.client.rpush('sent', *ids)
        for id in ids:
            app.send_task('load.note', task_id=id, producer=producer)
        sent += len(ids)
print(sent)`

describe.each(['Redis', 'RabbitMQ'] as const)('a mixed fleet under load on %s', (name) => {
  // Without patterns on Redis, as some servers in between require.
  const transport = name === 'Redis' ? { fanout_patterns: false } : {}
  let redis: RedisServer
  let rabbit: RabbitServer | undefined
  let client: Redis
  let python: PythonCelery
  let app: Lovage
  let worker: Worker
  let theirLoad: Promise<string>
  let ourLoad: Promise<void>
  let isOver = false
  const events: Event[] = []

  beforeAll(async () => {
    redis = await startRedis()
    rabbit = name === 'RabbitMQ' ? await startRabbit() : undefined
    client = new Redis(redis.url)
    const both = { broker: rabbit?.url() ?? redis.url, backend: redis.url }
    python = await pythonCelery({
      ...both,
      source: `
import json
${PYTHON(transport).replaceAll(/^ {2}/gm, '')}`,
      args: ['-P', 'prefork', '-c', '2', '-Q', 'work,py', '-E', '--without-gossip', '--without-mingle'],
    })
    app = createTestApp('load', {
      ...both,
      jsonTypes: 'plain',
      taskDefaultQueue: 'work',
      workerSendTaskEvents: true,
      brokerTransportOptions: transport,
    })
    const note = app.task({
      name: 'load.note',
      run: async (ctx) => {
        await client.hincrby('ran', ctx.id, 1)
      },
    })
    app.task({ name: 'load.where', run: (ctx) => ['ts', ctx.deliveryInfo.routingKey] })
    app.task({
      name: 'load.hold',
      run: (ctx) => new Promise<void>((resolve) => ctx.signal.addEventListener('abort', () => resolve())),
    })
    await app.events.listen({ onEvents: (heard) => events.push(...heard) })
    worker = await startTestWorker(app, { queues: ['work', 'ts'], hostname: 'ts@box', concurrency: 4 })
    theirLoad = python.run(SENDER, { timeoutMs: 300_000 })
    theirLoad.catch(() => {})
    ourLoad = (async () => {
      while (!isOver) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        if ((await client.llen('sent')) - (await client.hlen('ran')) > MOST_WAITING) continue
        const sent = await Promise.all(Array.from({ length: 5 }, () => note.delay()))
        await client.rpush('sent', ...sent.map(({ id }) => id))
      }
    })()
    ourLoad.catch(() => {})
    await until(async () => (await client.hlen('ran')) > 50, PATIENT)
  })
  afterAll(async () => {
    isOver = true
    await client?.set('stop', '1')
    await Promise.allSettled([ourLoad, theirLoad])
    await worker?.stop()
    await app?.close()
    await python?.stop()
    client?.disconnect()
    await Promise.all([redis?.stop(), rabbit?.stop()])
  })
  const run = (code: string): Promise<string> => python.run(code, { timeoutMs: 120_000 })
  const ask = async (code: string): Promise<never> =>
    JSON.parse(await run(`print(json.dumps(${code}))`)) as never
  const heard = (type: string, id: string) => events.filter((one) => one.type === type && one.uuid === id)

  test('terminate=1 stops a task of either language', async () => {
    const held = await Promise.all(['ts', 'py'].map((queue) => app.sendTask('load.hold', { queue })))
    for (const result of held) await until(async () => (await result.state()) === 'STARTED', PATIENT)
    await run(
      `app.control.revoke(${JSON.stringify(held.map(({ id }) => id))}, terminate=1, signal='SIGTERM')`,
    )
    for (const result of held) await until(async () => (await result.state()) === 'REVOKED', PATIENT)
  })

  test('both answer, by queues that RabbitMQ 4.3 accepts or channels without patterns', async () => {
    const answers: Record<string, unknown> = await ask('app.control.inspect(timeout=60, limit=2).ping()')
    expect(Object.keys(answers).sort()).toEqual([python.nodeName, 'ts@box'].sort())
    if (rabbit) {
      const lines = (await rabbit.ctl('list_queues', 'name', 'exclusive')).split('\n')
      // Python 5.2 names its own after itself, and leaves it open to others.
      const ours = lines.filter((line) => /pidbox|^celeryev/.test(line) && !line.startsWith(python.nodeName))
      expect(ours.filter((line) => line.includes('pidbox'))).not.toEqual([])
      expect(ours.filter((line) => !line.endsWith('\ttrue'))).toEqual([])
    } else {
      // kombu 5.2 subscribes by PSUBSCRIBE also to names that are no patterns.
      const clients = String(await client.client('LIST')).split('\n')
      expect(clients.filter((line) => / name=lovage/.test(line))).not.toEqual([])
      expect(clients.filter((line) => / name=lovage/.test(line) && !line.includes(' psub=0 '))).toEqual([])
    }
  })

  test('tasks with a time are told of as received, and listed once in the fleet', async () => {
    const theirs: string[] = await ask(`[app.send_task('load.note', countdown=3600).id for _ in range(4)]`)
    const ours = await Promise.all(
      Array.from({ length: 4 }, () => app.sendTask('load.note', { countdown: 3600 })),
    )
    const ids = [...theirs, ...ours.map(({ id }) => id)].sort()
    const scheduled = async (): Promise<readonly string[]> => {
      const answers: Record<string, { request: { id: string } }[]> = await ask(
        'app.control.inspect(timeout=60, limit=2).scheduled()',
      )
      return Object.values(answers).flatMap((tasks) => tasks.map(({ request }) => request.id))
    }
    await until(async () => (await scheduled()).length >= ids.length, PATIENT)
    expect([...(await scheduled())].sort()).toEqual(ids)
    for (const id of theirs) {
      await until(() => heard('task-received', id).length > 0, PATIENT)
      expect(heard('task-received', id)).toMatchObject([{ eta: expect.stringMatching(/^20\d\d-/) }])
    }
    await app.control.revoke(ids)
  })

  test('a monitor in another zone sees our workers and tasks at their true times', async () => {
    const [times, isAlive] = JSON.parse(
      await run(`
os.environ['TZ'] = 'Asia/Tokyo'
time.tzset()
from celery.events.state import State
state, times, alive = State(), [], []
with app.connection() as connection:
    def on(event):
        state.event(event)
        if event['hostname'] != 'ts@box':
            return
        if event['type'] == 'task-succeeded':
            times.append(time.time() - state.tasks[event['uuid']].succeeded)
        elif event['type'] == 'worker-heartbeat':
            alive.append(state.workers['ts@box'].alive)
        if len(times) >= 20 and alive:
            receiver.should_stop = True
    receiver = app.events.Receiver(connection, handlers={'*': on})
    receiver.capture(limit=None, timeout=120, wakeup=True)
print(json.dumps([times, alive]))`),
    ) as [number[], boolean[]]
    expect(times.filter((offS) => Math.abs(offS) > 600)).toEqual([])
    expect(isAlive).not.toContain(false)
  })

  test('what a worker is, and consumes, is told in Python’s form', async () => {
    const [queues, peers, registered, processes]: [{ name: string }[], string[], string[], number[]] =
      await ask(
        `(lambda inspect: [inspect.active_queues()['ts@box'], list(inspect.hello('x@y')), inspect.registered()['ts@box'], inspect.stats()['ts@box']['pool']['processes']])(app.control.inspect(timeout=60, destination=['ts@box']))`,
      )
    expect(queues.map((queue) => queue.name).sort()).toEqual(['ts', 'work'])
    expect(peers).toEqual(['ts@box'])
    expect(registered).toEqual(['load.hold', 'load.note', 'load.where'])
    expect(processes).toEqual([process.pid])
    const sent = await app.sendTask('load.note')
    await until(() => heard('task-succeeded', sent.id).length > 0, PATIENT)
    expect(heard('task-received', sent.id)).toHaveLength(1)
  })

  test('results that nobody wants are stored nowhere, whoever asks and whoever runs', async () => {
    const theirs: string[] = await ask(
      `[app.send_task('load.note', ignore_result=True).id for _ in range(10)]`,
    )
    const ours = await Promise.all(
      Array.from({ length: 10 }, () => app.sendTask('load.note', { ignoreResult: true })),
    )
    const ids = [...theirs, ...ours.map(({ id }) => id)]
    await until(async () => (await client.hmget('ran', ...ids)).every((runs) => runs === '1'), PATIENT)
    for (const id of ids) await until(() => heard('task-succeeded', id).length > 0, PATIENT)
    for (const id of ids) {
      const meta = await client.get(`celery-task-meta-${id}`)
      // Celery 5.2 stores STARTED, and no end.
      if (heard('task-succeeded', id)[0]?.hostname === 'ts@box') expect(meta).toBe(null)
      else expect(meta ?? '"status": "STARTED"').toContain('"status": "STARTED"')
    }
  })

  test('options of a chain’s call are those of its first step, in both languages', async () => {
    type Ran = readonly [language: string, queue: string]
    const theirs: (readonly [Ran, Ran])[] = await ask(
      `[[r.parent.get(timeout=120), r.get(timeout=120)] for r in [(where.si() | where.si()).apply_async(queue='ts') for _ in range(5)]]`,
    )
    const step = () => app.signature('load.where', { immutable: true })
    const ours = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const result = await chain([step(), step()]).applyAsync([], { queue: 'ts' })
        return [await result.parent?.get({ timeout: 120 }), await result.get({ timeout: 120 })] as [Ran, Ran]
      }),
    )
    for (const [first, second] of [...theirs, ...ours]) {
      expect(first).toEqual(['ts', 'ts'])
      expect(second[1]).toBe('work')
    }
  })

  test('and of the load itself, every task has run once', async () => {
    isOver = true
    await client.set('stop', '1')
    expect(Number(await theirLoad)).toBeGreaterThan(20)
    await ourLoad
    const sent = await client.lrange('sent', 0, -1)
    await until(async () => (await client.hmget('ran', ...sent)).every((runs) => runs !== null), PATIENT)
    expect((await client.hmget('ran', ...sent)).filter((runs) => runs !== '1')).toEqual([])
  })
})
