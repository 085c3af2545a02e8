import { fork } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, Server } from 'node:net'
import { join } from 'node:path'
import { type AppOptions, type Event, Lovage } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startWorker } from '../../packages/lovage/src/doors/worker.js'
import { silent } from '../every-store.js'
import { freePort } from '../servers/ports.js'
import { type RabbitServer, type RedisServer, startRabbit, startRedis } from '../servers.js'

vi.setConfig({ testTimeout: 90_000 })
const patience = { timeoutMs: 60_000 }

let redis: RedisServer
let rabbit: RabbitServer
beforeAll(async () => {
  ;[redis, rabbit] = await Promise.all([startRedis({ appendonly: 'always' }), startRabbit()])
}, 120_000)
afterAll(async () => {
  await Promise.all([redis?.stop(), rabbit?.stop()])
})

/** Events of an app's fleet, heard until the scope ends. */
function hear(app: Lovage) {
  const events: Event[] = []
  const ending = new AbortController()
  const heard = (async () => {
    for await (const event of app.events({ signal: ending.signal })) events.push(event)
  })()
  return {
    events,
    async [Symbol.asyncDispose]() {
      ending.abort()
      await heard
    },
  }
}

describe('the metrics server of a worker', () => {
  const open = (port: number, logger: AppOptions['logger'] = silent) =>
    new Lovage('measured', { broker: `memory://measured-${port}`, env: {}, logger, workerMetricsPort: port })
  const isServing = async (port: number) =>
    fetch(`http://127.0.0.1:${port}/health/live`).then(
      ({ status }) => status === 200,
      () => false,
    )

  test('serves as soon as a port that another process had is free', async () => {
    const port = await freePort()
    const other = createServer().listen(port, '127.0.0.1')
    await once(other, 'listening')
    const said: string[] = []
    await using app = open(port, {
      ...silent,
      error: (_fields: unknown, text?: string) => said.push(text ?? ''),
    })
    await using _worker = await startTestWorker(app)
    expect(said).toContainEqual(
      expect.stringMatching(/^cannot serve metrics and health at .*; trying again$/),
    )
    other.close()
    await until(() => isServing(port), patience)
  })

  test('listens again when its socket is closed behind it', async () => {
    const port = await freePort()
    await using app = open(port)
    await using _worker = await startTestWorker(app)
    expect(await isServing(port)).toBe(true)
    for (let times = 0; times < 2; times++) {
      const server = listeningOn(port)
      server?.close()
      expect(server?.listening).toBe(false)
      await until(() => isServing(port), patience)
    }
  })
})

/** Node names its open handles only here. */
function listeningOn(port: number): Server | undefined {
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles(): readonly unknown[] }
  return handles.call(process).find((handle): handle is Server => {
    const address = handle instanceof Server ? handle.address() : null
    return typeof address === 'object' && address?.port === port
  })
}

describe('heartbeats and events of a worker', () => {
  test('go on after the server has been killed, whatever listeners throw meanwhile', async () => {
    const app = new Lovage('beating', {
      broker: redis.url,
      backend: redis.url,
      env: {},
      logger: silent,
      workerSendTaskEvents: true,
    })
    app.signals.on('heartbeatSent', () => {
      throw new Error('a listener that fails')
    })
    app.signals.on('heartbeatSent', async () => {
      throw new Error('one that fails later')
    })
    const add = app.task({ name: 'add', run: (_ctx, x: number) => x })
    try {
      await using listening = hear(app)
      const { events } = listening
      await using _worker = await startWorker(app, { heartbeatSeconds: 0.2, hostname: 'w@box' })
      const beats = () =>
        events.filter(({ type, hostname }) => type === 'worker-heartbeat' && hostname === 'w@box')
      await until(() => beats().length >= 2, patience)
      await redis.kill()
      // Meanwhile it tries to send, and cannot.
      await until(async () => (await app.queues.report(['celery']).catch(() => 'away')) === 'away', patience)
      await redis.restart()
      const before = beats().length
      await until(() => beats().length >= before + 3, patience)
      const { id } = await add.delay(1)
      await until(() => events.some(({ type, uuid }) => type === 'task-succeeded' && uuid === id), patience)
    } finally {
      await app.close()
    }
  })

  test('go on, as does remote control, after their exchanges on RabbitMQ have been deleted', async () => {
    const settings = { broker: rabbit.url(), env: {}, logger: silent } as const
    const open = () =>
      new Lovage('beating', {
        ...settings,
        workerSendTaskEvents: true,
        brokerNativeDelayedDeliveryQueueType: 'classic',
      })
    const [app, other] = [open(), open()]
    const add = app.task({ name: 'add', run: (_ctx, x: number) => x })
    const ping = async () => Object.keys(await other.control.inspect({ timeout: 0.5 }).ping())
    try {
      await using _worker = await startWorker(app, { heartbeatSeconds: 0.2, hostname: 'w@box' })
      await until(async () => (await ping()).includes('w@box'), patience)
      for (const exchange of ['celeryev', 'celery.pidbox', 'reply.celery.pidbox'])
        await rabbit.eval(
          `rabbit_exchange:delete({resource, <<"/">>, exchange, <<"${exchange}">>}, false, <<"test">>).`,
        )
      // Of the worker's own process too, which had declared it.
      await using listening = hear(app)
      const { events } = listening
      const beats = () =>
        events.filter(({ type, hostname }) => type === 'worker-heartbeat' && hostname === 'w@box')
      await until(() => beats().length >= 3, patience)
      const { id } = await add.delay(1)
      await until(() => events.some(({ type, uuid }) => type === 'task-succeeded' && uuid === id), patience)
      await until(async () => (await ping()).includes('w@box'), patience)
    } finally {
      await other.close()
      await app.close()
    }
  })
})

test('an autoscaler grows its pool after the server has been killed', async () => {
  const said: string[] = []
  const app = new Lovage('growing', {
    broker: `${redis.url}/3`,
    env: {},
    logger: { ...silent, warn: (...told: unknown[]) => void said.push(String(told[1])) },
  })
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const hold = app.task({ name: 'hold', run: () => held })
  try {
    await using worker = await startTestWorker(app, {
      concurrency: 1,
      autoscale: { max: 3, min: 1, everyMs: 20, keepaliveMs: 600_000 },
    })
    await hold.delay()
    await until(() => worker.active.length === 1, patience)
    await redis.kill()
    await until(() => said.some((text) => text.startsWith('the pool keeps its size')), patience)
    await redis.restart()
    await Promise.all([hold.delay(), hold.delay()])
    await until(() => worker.active.length === 3, patience)
    expect(worker.pool.slots).toBe(3)
    release()
    await until(() => worker.processed === 3, patience)
  } finally {
    release()
    await app.close()
  }
})

describe('a sender of DogStatsD lines whose process has no descriptor left', () => {
  const agent = createSocket('udp4')
  const lines: string[] = []
  beforeAll(async () => {
    agent.on('message', (packet) => lines.push(...packet.toString().split('\n')))
    agent.bind(0, '127.0.0.1')
    await once(agent, 'listening')
  })
  afterAll(() => agent.close())

  /** A worker that reports to the agent, and does what it is asked. */
  async function start() {
    const child = fork(join(import.meta.dirname, 'full-descriptors.mjs'), [String(agent.address().port)], {
      execPath: '/bin/sh',
      execArgv: ['-c', 'ulimit -n 100; exec "$0" "$@"', process.execPath],
    })
    const said: string[] = []
    const done: string[] = []
    child.on('message', (message) => {
      const [kind, text] = message as [string, string]
      ;(kind === 'log' ? said : done).push(text)
    })
    const exited = once(child, 'exit')
    await until(() => done.includes('start'), patience)
    return {
      said,
      exited,
      async ask(what: string) {
        const before = done.length
        child.send(what)
        await until(() => done.length > before, patience)
      },
      stop: () => child.send('stop'),
      [Symbol.dispose]: () => void child.kill('SIGKILL'),
    }
  }
  const fault = 'cannot send to the DogStatsD agent'

  test('sends again as soon as there are some', async () => {
    using child = await start()
    await child.ask('exhaust')
    await child.ask('run')
    await until(() => child.said.includes(fault), patience)
    expect(lines).toEqual([])
    await child.ask('free')
    await child.ask('run')
    await until(() => lines.some((line) => line.startsWith('celery.task.runs:1|c')), patience)
    child.stop()
    expect(await child.exited).toEqual([0, null])
  })

  test('does not keep its worker from stopping', async () => {
    using child = await start()
    await child.ask('exhaust')
    await child.ask('run')
    child.stop()
    expect(await child.exited).toEqual([0, null])
    await until(() => child.said.includes(fault), patience)
  })
})
