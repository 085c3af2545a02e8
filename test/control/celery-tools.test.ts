import type { Worker } from 'lovage'
import { Lovage } from 'lovage'
import { startTestWorker, until } from 'lovage/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type PythonCelery, pythonCelery } from '../servers.js'
import { FLEET_BROKERS, type RunningBroker } from './brokers.js'

// Programs are started here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 90_000 })

/** Python's node shares the broker; its tools know its commands and ask everybody. */
const PYTHON = `
app.conf.update(task_default_queue='py')

@app.task(name='py.add')
def add(x, y):
    return x + y
`

describe.each(FLEET_BROKERS)('on $name', ({ transport, start }) => {
  let broker: RunningBroker
  let python: PythonCelery
  let app: Lovage
  let worker: Worker
  let isShutDown = false
  const open = new Map<string, () => void>()
  const lines: string[] = []
  const logger = {
    debug() {},
    info() {},
    warn: (_fields: object, text: string) => void lines.push(text),
    error() {},
    fatal() {},
    trace() {},
    child: () => logger,
  }

  beforeAll(async () => {
    broker = await start()
    python = await pythonCelery({
      broker: broker.url,
      backend: broker.backend,
      source: PYTHON,
      args: ['-P', 'solo', '-Q', 'py'],
    })
  })
  afterAll(async () => {
    await python?.stop()
    await broker?.stop()
  })
  beforeEach(async () => {
    isShutDown = false
    app = new Lovage('ts', {
      broker: broker.url,
      backend: broker.backend,
      taskDefaultQueue: 'ts',
      jsonTypes: 'plain',
      workerShutdownTimeout: 1,
      logger,
      env: {},
    })
    app.task({ name: 'ts.add', params: ['x', 'y'], run: (_ctx, x: number, y: number) => x + y })
    app.task({
      name: 'ts.fail',
      run: () => {
        throw new RangeError('no')
      },
    })
    app.task({
      name: 'ts.hold',
      rateLimit: '1000/s',
      params: ['label'],
      run: (ctx, label: string) =>
        new Promise<string>((resolve, reject) => {
          open.set(label, () => resolve(label))
          ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))
        }),
    })
    worker = await startTestWorker(app, {
      hostname: 'ts@box',
      concurrency: 2,
      prefetchMultiplier: 2,
      onShutdown: () => {
        isShutDown = true
      },
    })
  })
  afterEach(async () => {
    for (const finish of open.values()) finish()
    open.clear()
    await worker.stop()
    await app.close()
  })

  /** What Celery's command prints as JSON about our node. */
  const celery = (...args: readonly string[]): Promise<unknown> => celeryAt('ts@box', ...args)
  async function celeryAt(node: string, ...args: readonly string[]): Promise<unknown> {
    const { stdout, stderr } = await python.command(...args, '--json', '-t', '3', '-d', node)
    try {
      // `inspect` prints an object, `control` a list of objects.
      return Object.assign({}, ...[JSON.parse(stdout)].flat())[node]
    } catch {
      throw new Error(`celery ${args.join(' ')}: ${stdout}${stderr}`)
    }
  }
  const hold = (label: string, options = {}) => app.sendTask('ts.hold', { args: [label], ...options })

  describe('celery inspect', () => {
    test('finds both languages by ping and status, and one node by name or pattern', async () => {
      const { stdout } = await python.command('status', '--json', '-t', '3')
      expect(stdout).toContain('2 nodes online')
      expect(JSON.parse(stdout.slice(0, stdout.lastIndexOf('}') + 1))).toEqual({
        'ts@box': { ok: 'pong' },
        [python.nodeName]: { ok: 'pong' },
      })
      expect(await celery('inspect', 'ping')).toEqual({ ok: 'pong' })
    })

    test('sees what runs, what waits for a slot, and what waits for its time', async () => {
      const labels = ['one', 'two', 'three']
      const results = await Promise.all(labels.map((label) => hold(label)))
      const later = await hold('later', { countdown: 3600 })
      await until(() => worker.active.length === 2 && worker.reserved.length === 1, { timeoutMs: 20_000 })
      // Which of them has to wait is nobody's promise: each has a rate limit to pass.
      const idOf = ([claim]: Worker['active']): string => claim?.job.context.id ?? 'none'
      const [running, waiting] = [idOf(worker.active), idOf(worker.reserved)]
      expect(results.map(({ id }) => id)).toContain(waiting)
      expect(await celery('inspect', 'active')).toContainEqual(
        expect.objectContaining({
          id: running,
          name: 'ts.hold',
          type: 'ts.hold',
          args: [labels[results.findIndex(({ id }) => id === running)]],
          kwargs: {},
          hostname: 'ts@box',
          acknowledged: false,
          time_start: expect.any(Number),
          worker_pid: process.pid,
          delivery_info: expect.objectContaining({ routing_key: 'ts', redelivered: false }),
        }),
      )
      expect(await celery('inspect', 'reserved')).toMatchObject([{ id: waiting, time_start: null }])
      // RabbitMQ shows nobody what waits in its delays: there the worker tells what it has put aside.
      const scheduled = async () => (await celery('inspect', 'scheduled')) as readonly unknown[]
      await until(async () => (await scheduled()).length === 1, { timeoutMs: 20_000 })
      expect(await scheduled()).toMatchObject([
        {
          eta: expect.stringMatching(/^20.*\+00:00$/),
          priority: 6,
          request: {
            id: later.id,
            type: 'ts.hold',
            args: ['later'],
            kwargs: {},
            delivery_info: { routing_key: 'ts', priority: 0 },
          },
        },
      ])
      expect(await celery('inspect', 'query_task', running, waiting, 'nobody')).toMatchObject({
        [running]: ['active', { id: running }],
        [waiting]: ['reserved', { id: waiting }],
      })
      await later.revoke()
    })

    test('sees what a node knows, does and is', async () => {
      await (await app.sendTask('ts.add', { args: [1, 2] })).get({ timeout: 5 })
      expect(await celery('inspect', 'registered')).toEqual([
        'ts.add',
        'ts.fail',
        'ts.hold [rate_limit=1000/s]',
      ])
      expect(await celery('inspect', 'active_queues')).toMatchObject([
        { name: 'ts', routing_key: 'ts', exchange: { name: 'ts', type: 'direct' }, durable: true },
      ])
      expect(await celery('inspect', 'stats')).toMatchObject({
        total: { 'ts.add': 1 },
        pid: process.pid,
        clock: expect.stringMatching(/^\d+$/),
        pool: { implementation: 'lovage:async', 'max-concurrency': 2, processes: [process.pid] },
        broker: { transport, hostname: '127.0.0.1', port: Number(new URL(broker.url).port) },
        rusage: { maxrss: expect.any(Number) },
      })
      const conf = await celery('inspect', 'conf')
      expect(conf).toMatchObject({ task_default_queue: 'ts' })
      const report = await celery('inspect', 'report')
      expect(report).toMatchObject({ ok: expect.stringContaining('lovage:') })
      // Nothing is masked that is not set, and nothing told that was left as it is.
      expect(JSON.stringify([conf, report])).not.toMatch(/\*{3}|security_key_password|task_routes/)
      expect(await celery('inspect', 'clock')).toEqual({ clock: expect.any(Number) })
      expect(await celery('inspect', 'memsample')).toMatch(/^\d+\.\d{3}MB$/)
    })
  })

  describe('celery control', () => {
    test('revokes, also what runs, and inspect revoked names it', async () => {
      const doomed = await hold('doomed')
      await until(() => worker.active.length === 1)
      expect(await celery('control', 'revoke', doomed.id)).toEqual({
        ok: `tasks {'${doomed.id}'} flagged as revoked`,
      })
      expect(worker.active).toHaveLength(1)
      expect(await celery('control', 'terminate', 'SIGKILL', doomed.id)).toEqual({
        ok: `terminate: ${doomed.id}`,
      })
      await until(() => worker.active.length === 0)
      await expect(doomed.get({ timeout: 5 })).rejects.toMatchObject({ code: 'LVG_TASK_REVOKED' })
      expect(await celery('inspect', 'revoked')).toContain(doomed.id)
    })

    test('changes rates and time limits, and says when it does not know the task', async () => {
      expect(await celery('control', 'rate_limit', 'ts.add', '10/m')).toEqual({
        ok: 'new rate limit set successfully',
      })
      const registered = await celery('inspect', 'registered', 'rate_limit')
      expect(registered).toContain('ts.hold [rate_limit=1000/s]')
      expect(registered).toContain('ts.add [rate_limit=10/m]')
      expect(await celery('control', 'rate_limit', 'ts.add', '0')).toEqual({
        ok: 'rate limit disabled successfully',
      })
      expect(await celery('control', 'rate_limit', 'nobody', '10/m')).toEqual({ error: 'unknown task' })
      expect(await celery('control', 'time_limit', 'ts.add', '5', '10')).toEqual({
        ok: 'time limits set successfully',
      })
      expect(await celery('control', 'time_limit', 'ts.add', '10', '5')).toMatchObject({
        error: expect.stringMatching(/soft/),
      })
      // It is kept where the fleet agrees; without such a place it ended with the worker.
      if (transport === 'redis') await app.control.rateLimit('ts.add', null)
    })

    test('adds and cancels queues, grows and shrinks the pool', async () => {
      expect(await celery('control', 'add_consumer', 'more')).toEqual({ ok: 'add consumer more' })
      const result = await app.sendTask('ts.add', { args: [2, 3], queue: 'more' })
      expect(await result.get({ timeout: 5 })).toBe(5)
      expect(await celery('control', 'cancel_consumer', 'more')).toEqual({
        ok: 'no longer consuming from more',
      })
      expect(worker.queues).toEqual(['ts'])
      expect(await celery('control', 'pool_grow', '3')).toEqual({ ok: 'pool will grow' })
      expect(worker.pool.slots).toBe(5)
      expect(await celery('control', 'pool_shrink', '4')).toEqual({ ok: 'pool will shrink' })
      expect(worker.pool.slots).toBe(1)
      expect(await celery('control', 'pool_shrink', '1')).toMatchObject({
        error: expect.stringMatching(/one slot/),
      })
      expect(await celery('control', 'autoscale', '3', '1')).toMatchObject({
        error: expect.stringMatching(/Autoscale/),
      })
    })

    test('changes the bounds of a pool that grows and shrinks', async () => {
      await using growing = await startTestWorker(app, {
        hostname: 'auto@box',
        autoscale: { max: 3, min: 1 },
      })
      expect(await celeryAt('auto@box', 'control', 'autoscale', '7', '2')).toEqual({
        ok: 'autoscale now max=7 min=2',
      })
      expect(growing.autoscaler?.bounds).toMatchObject({ max: 7, min: 2 })
      expect(await celeryAt('auto@box', 'control', 'autoscale', '1', '2')).toMatchObject({
        error: expect.stringMatching(/more than max/),
      })
      expect(await celeryAt('auto@box', 'control', 'pool_grow', '1')).toMatchObject({
        error: expect.stringMatching(/not supported with autoscale/),
      })
      expect(await celeryAt('auto@box', 'inspect', 'stats')).toMatchObject({
        autoscaler: { max: 7, min: 2, current: expect.any(Number), qty: 0 },
      })
    })

    test('is answered before a shutdown', async () => {
      expect(await celery('control', 'shutdown')).toEqual({ ok: 'shutting down' })
      await until(() => isShutDown)
    })
  })

  test('celery events shows what our tasks do, once it is enabled', async () => {
    expect(await celery('control', 'enable_events')).toEqual({ ok: 'task events enabled' })
    expect(await celery('control', 'enable_events')).toEqual({ ok: 'task events already enabled' })
    const seen = await python.run(`
from celery import group
from celery.events import EventReceiver
from celery.events.state import State
import json, sys
events = []
state = State()
def on_event(event):
    if event.get('hostname') != 'ts@box': return
    if not events:
        group([app.signature('ts.add', [1, 2], queue='ts')])()
        app.send_task('ts.fail', queue='ts')
    events.append(event)
    state.event(event)
    if event['type'] == 'task-failed': raise KeyboardInterrupt
with app.connection_for_read() as connection:
    receiver = EventReceiver(connection, handlers={'*': on_event}, app=app)
    try:
        # It asks for heartbeats first; ours is the sign that it hears.
        receiver.capture(limit=None, timeout=10, wakeup=True)
    except KeyboardInterrupt: pass
print(json.dumps([events, [task.as_dict() for _, task in state.tasks_by_time()]], default=str))
`)
    const [events, tasks] = JSON.parse(seen) as readonly [readonly Record<string, unknown>[], unknown]
    expect(events[0]).toMatchObject({
      type: 'worker-heartbeat',
      freq: expect.any(Number),
      sw_ident: 'lovage',
    })
    const added = events.filter(({ uuid }) => uuid === events.find(({ name }) => name === 'ts.add')?.uuid)
    expect(added.map(({ type }) => type)).toEqual(['task-received', 'task-started', 'task-succeeded'])
    expect(events.find(({ type }) => type === 'task-received')).toMatchObject({
      name: 'ts.add',
      args: '(1, 2)',
      retries: 0,
      // Our own field, of which Celery's monitors make nothing.
      group_id: expect.any(String),
    })
    expect(events.find(({ name }) => name === 'ts.fail')).not.toHaveProperty('group_id')
    expect(tasks).toContainEqual(expect.objectContaining({ name: 'ts.add', state: 'SUCCESS', result: '3' }))
    expect(tasks).toContainEqual(expect.objectContaining({ name: 'ts.fail', state: 'FAILURE' }))
    expect(events.find(({ type }) => type === 'task-succeeded')).toMatchObject({
      result: '3',
      runtime: expect.any(Number),
    })
    expect(events.at(-1)).toMatchObject({
      type: 'task-failed',
      exception: "RangeError('no')",
      traceback: expect.any(String),
    })
    expect(await celery('control', 'disable_events')).toEqual({ ok: 'task events disabled' })
  })

  describe('our client', () => {
    test('asks a mixed fleet, and gathers what both languages answer', async () => {
      const inspect = app.control.inspect({ timeout: 3, limit: 2 })
      expect(await inspect.ping()).toEqual({ 'ts@box': { ok: 'pong' }, [python.nodeName]: { ok: 'pong' } })
      expect(await inspect.registered()).toMatchObject({
        [python.nodeName]: ['py.add'],
        'ts@box': expect.any(Array),
      })
      const stats = await app.control.inspect({ destination: python.nodeName, timeout: 3 }).stats()
      expect(Object.keys(stats)).toEqual([python.nodeName])
      expect(await app.control.inspect({ pattern: 'ts@*', timeout: 3, limit: 1 }).ping()).toHaveProperty(
        'ts@box',
      )
      expect(await app.control.poolGrow(1, { destination: 'ts@box' })).toEqual({
        'ts@box': { ok: 'pool will grow' },
      })
      expect(await app.control.inspect({ timeout: 0.2, destination: 'nobody@here' }).ping()).toEqual({})
    })

    test('has commands of the app’s own, whose faults are told', async () => {
      app.control.command('double', ({ n }) => {
        if (typeof n !== 'number') throw new TypeError('n is no number')
        return n * 2
      })
      const to = { destination: 'ts@box', timeout: 3 }
      expect(await app.control.broadcast('double', { n: 4 }, to)).toEqual({ 'ts@box': 8 })
      expect(await app.control.broadcast('double', {}, to)).toEqual({
        'ts@box': { error: "TypeError('n is no number')" },
      })
      expect(await app.control.broadcast('nosuch', {}, to)).toEqual({
        'ts@box': { error: "KeyError('nosuch')" },
      })
    })
  })

  test('a Python worker that starts beside ours mingles and gossips with it as with its own', async () => {
    await app.control.revoke('revoked-before', { terminate: false })
    await until(() => worker.limits.revokes.ids.includes('revoked-before'))
    const second = await pythonCelery({
      broker: broker.url,
      backend: broker.backend,
      source: PYTHON,
      args: ['-P', 'solo', '-Q', 'py2'],
    })
    try {
      // It asks all nodes at its start, and takes what they have revoked.
      expect(second.log).toMatch(/mingle: sync with 2 nodes/)
      expect(second.log).toMatch(/mingle: sync complete/)
      const revoked = await app.control.inspect({ destination: second.nodeName, timeout: 10 }).revoked()
      expect(revoked[second.nodeName]).toContain('revoked-before')
      // Elections are theirs: ours answers with nothing and goes on.
      await app.control.broadcast(
        'election',
        { id: 'e', topic: 'task', action: {} },
        { destination: 'ts@box', timeout: 5 },
      )
      expect(await app.control.ping({ destination: 'ts@box', timeout: 10 })).toHaveProperty('ts@box')
      // Our heartbeats and answers have come meanwhile: nothing of ours is an error to it.
      await until(async () => Object.keys(await app.control.ping({ timeout: 2 })).length === 3, {
        timeoutMs: 30_000,
      })
      expect(second.log + python.log).not.toMatch(/Traceback|ERROR/)
    } finally {
      await second.stop()
    }
  })
})
