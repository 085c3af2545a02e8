import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ROLE_OF } from '@lovage/dashboard'
import type { Lovage, Worker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type RedisServer, startRedis } from '../servers.js'
import { type AskedDashboard, askDashboard } from './fleet-page.js'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })
const LOVAGE = fileURLToPath(new URL('../../packages/lovage/bin/lovage.js', import.meta.url))
const patient = { timeoutMs: 30_000 }

let redis: RedisServer
let app: Lovage
let client: Lovage
let worker: Worker
let scaled: Worker
let dashboard: AskedDashboard
/** Tasks that run until they are told to end. */
const holding = new Map<string, () => void>()
const ran: unknown[] = []

beforeAll(async () => {
  redis = await startRedis()
  const settings = { broker: redis.url, backend: redis.url, taskSendSentEvent: true, env: {} } as const
  const beatSchedule = { nightly: { task: 'shop.add', schedule: 86_400, args: [100, 1] } }
  app = createTestApp('shop', { ...settings, workerSendTaskEvents: true })
  client = createTestApp('client', { ...settings, beatSchedule })
  app.task({
    name: 'shop.add',
    run: (_ctx, x: number, y: number) => {
      ran.push([x, y])
      return x + y
    },
  })
  app.task({
    name: 'shop.hold',
    abortable: true,
    run: (ctx, label: string) =>
      new Promise((resolve, reject) => {
        holding.set(label, () => resolve(label))
        ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))
      }),
  })
  app.task({
    name: 'shop.fail',
    deadLetter: 'failures',
    run: (_ctx, label: string): never => {
      throw new RangeError(`no stock of ${label}`)
    },
  })
  dashboard = await askDashboard({ main: client })
  worker = await startTestWorker(app, { hostname: 'w1@box', queues: ['celery'], concurrency: 4 })
  const autoscale = { min: 2, max: 3 }
  scaled = await startTestWorker(app, { hostname: 'w2@box', queues: ['scaled'], autoscale })
  await until(async () => (await data('/workers')).items.length === 2, patient)
  await client.control.enableEvents({ timeout: 20, limit: 2 })
})
afterAll(async () => {
  for (const release of holding.values()) release()
  await dashboard?.[Symbol.asyncDispose]()
  await Promise.all([worker?.stop(), scaled?.stop()])
  await app?.close()
  await client?.close()
  await redis?.stop()
})

// biome-ignore lint/suspicious/noExplicitAny: JSON of pages, whose fields tests name
const data = async (path: string): Promise<any> => (await dashboard.get(path)).body.data
const isDone = { status: 200, body: { status: 'done' } }
const stateOf = async (id: string) => (await data(`/task/${id}`))?.task?.state
const isIn = (id: string, state: string) => until(async () => (await stateOf(id)) === state, patient)
/** Sends a task that waits in a queue which no worker consumes. */
const idle = async (queue: string, countdown?: number) =>
  (await client.sendTask('shop.add', { args: [1, 1], queue, ...(countdown ? { countdown } : {}) })).id
const readyIn = async (queue: string) => (await data(`/queue/${queue}`)).line?.ready
const held = async (label: string) => {
  const { id } = await client.sendTask('shop.hold', { args: [label] })
  await until(() => holding.has(label), patient)
  await isIn(id, 'STARTED')
  return id
}
const letterOf = async (label: string) => {
  const { id } = await client.sendTask('shop.fail', { args: [label] })
  await until(async () => (await data(`/task/${id}`))?.letter, patient)
  return { id, letter: (await data(`/task/${id}`)).letter.id as string }
}
const poolOf = async (name: string) => {
  const inspect = client.control.inspect({ destination: name, timeout: 5, limit: 1 })
  const stats = (await inspect.stats())[name] as { readonly pool: { readonly 'max-concurrency': number } }
  return stats.pool['max-concurrency']
}
const jobEnds = async (id: string | undefined) => {
  const job = async () => (await data('/jobs')).find((one: { id: string }) => one.id === id)
  await until(async () => (await job())?.state !== 'running', patient)
  return job()
}

/** Actions that have their tests elsewhere. */
const tested = new Set<string>(
  ['replay', 'replay-all', 'cancel', 'enable', 'disable'].map((one) => `webhook.${one}`),
)
/** A test of one action. */
function act(kind: keyof typeof ROLE_OF, name: string, run: () => Promise<void>): void {
  tested.add(kind)
  test(`${kind}: ${name}`, async () => {
    await run()
    const { items } = await data(`/audit?action=${kind}`)
    expect(items[0]).toMatchObject({ person: 'ada', action: kind })
  })
}

describe('tasks', () => {
  act('task.retry', 'sends the same call again', async () => {
    const { id } = await client.sendTask('shop.add', { args: [5, 6] })
    await isIn(id, 'SUCCESS')
    const { body } = await dashboard.act({ kind: 'task.retry', tasks: { ids: [id] } })
    await isIn(body.taskId ?? '', 'SUCCESS')
    expect(ran.filter((one) => String(one) === '5,6')).toHaveLength(2)
  })

  act('task.edit-retry', 'sends another call, with integers of any size exact', async () => {
    const { id } = await client.sendTask('shop.add', { args: [7, 8] })
    await isIn(id, 'SUCCESS')
    const edit = { kind: 'task.edit-retry', id, args: '[9007199254740993, 0]', kwargs: '{}', queue: 'edited' }
    expect(await dashboard.act(edit)).toMatchObject(isDone)
    const [item] = (await data('/queue/edited')).items
    expect(item.args).toBe('(9007199254740993, 0)')
    const wrong = await dashboard.act({ ...edit, args: '{"x": 1}' })
    expect(wrong).toMatchObject({ status: 400, body: { status: 'invalid' } })
    expect(wrong.body.message).toContain('must be a JSON list')
  })

  act('task.revoke', 'keeps a waiting task from running', async () => {
    const id = await idle('celery', 2)
    expect(await dashboard.act({ kind: 'task.revoke', tasks: { ids: [id] } })).toMatchObject(isDone)
    await isIn(id, 'REVOKED')
  })

  act('task.terminate', 'ends a running task', async () => {
    const id = await held('terminated')
    const tasks = { ids: [id] }
    expect(await dashboard.act({ kind: 'task.terminate', tasks, signal: 'SIGTERM' })).toMatchObject(isDone)
    await isIn(id, 'REVOKED')
  })

  act('task.abort', 'asks a running task to end itself', async () => {
    const id = await held('aborted')
    expect(await dashboard.act({ kind: 'task.abort', tasks: { ids: [id] } })).toMatchObject(isDone)
    await until(async () => /abort/i.test((await data(`/task/${id}`)).task.exception ?? ''), patient)
  })
})

describe('queues', () => {
  act('queue.pause', 'keeps workers from claiming', async () => {
    expect(await dashboard.act({ kind: 'queue.pause', queue: 'scaled' })).toMatchObject(isDone)
    expect(await client.control.pausedQueues()).toEqual(['scaled'])
  })
  act('queue.resume', 'lets them go on', async () => {
    expect(await dashboard.act({ kind: 'queue.resume', queue: 'scaled' })).toMatchObject(isDone)
    expect(await client.control.pausedQueues()).toEqual([])
  })
  act('queue.purge', 'removes what waits', async () => {
    await idle('purged')
    await idle('purged')
    const action = { kind: 'queue.purge', queue: 'purged', expected: 2 }
    expect((await dashboard.post('/actions/count', action)).body.count).toBe(2)
    expect(await dashboard.act(action)).toMatchObject({ body: { status: 'done', count: 2 } })
    expect(await readyIn('purged')).toBe(0)
  })
  act('queue.move', 'moves what waits, and never into itself', async () => {
    await idle('from')
    const action = { kind: 'queue.move', queue: 'from', to: 'elsewhere', expected: 1 }
    expect((await dashboard.post('/actions/count', action)).body.count).toBe(1)
    expect(await dashboard.act(action)).toMatchObject({ body: { status: 'done', count: 1 } })
    expect([await readyIn('from'), await readyIn('elsewhere')]).toEqual([0, 1])
    expect((await dashboard.act({ ...action, queue: 'elsewhere' })).body.status).toBe('invalid')
  })
  act('queue.promote', 'runs delayed tasks now', async () => {
    const id = await idle('celery', 3600)
    expect(await dashboard.act({ kind: 'queue.promote', ids: [id] })).toMatchObject({ body: { count: 1 } })
    await isIn(id, 'SUCCESS')
  })
  act('queue.remove', 'removes chosen tasks', async () => {
    const [one] = [await idle('chosen'), await idle('chosen')]
    expect(await dashboard.act({ kind: 'queue.remove', ids: [one] })).toMatchObject({ body: { count: 1 } })
    expect(await readyIn('chosen')).toBe(1)
  })
})

describe('schedules', () => {
  const entry = async () =>
    (await data('/schedules')).items.find((one: { name: string }) => one.name === 'nightly')

  act('schedule.run', 'sends the task once, now', async () => {
    const { body } = await dashboard.act({ kind: 'schedule.run', entry: 'nightly' })
    await isIn(body.taskId ?? '', 'SUCCESS')
    expect(ran).toContainEqual([100, 1])
  })
  act('schedule.disable', 'keeps an entry from running', async () => {
    expect(await dashboard.act({ kind: 'schedule.disable', entry: 'nightly' })).toMatchObject(isDone)
    expect(await entry()).toMatchObject({ enabled: false })
  })
  act('schedule.enable', 'lets it run again', async () => {
    expect(await dashboard.act({ kind: 'schedule.enable', entry: 'nightly' })).toMatchObject(isDone)
    expect(await entry()).toMatchObject({ enabled: true })
    expect((await dashboard.act({ kind: 'schedule.enable', entry: 'no such' })).status).toBe(400)
  })
})

describe('dead letters', () => {
  const letters = async () => (await data('/dead-letters?task=shop.fail')).items

  act('letter.redrive', 'sends one, a selection, and all that are found', async () => {
    const [one, two, three] = [await letterOf('a'), await letterOf('b'), await letterOf('c')]
    const redrive = (choice: object) =>
      dashboard.act({ kind: 'letter.redrive', letters: choice, queue: 'redriven' })
    expect((await redrive({ ids: [one.letter] })).body).toMatchObject({ status: 'done', count: 1 })
    expect((await redrive({ ids: [one.letter] })).body).toMatchObject({ status: 'invalid', count: null })
    expect(await readyIn('redriven')).toBe(1)
    const found = { filter: { task: 'shop.fail' }, expected: 2 }
    const action = { kind: 'letter.redrive', letters: found }
    expect((await dashboard.post('/actions/count', action)).body).toEqual({ count: 2, isExact: true })
    const { body } = await redrive(found)
    expect(await jobEnds(body.jobId)).toMatchObject({ state: 'done', done: 2, failed: 0 })
    expect(await readyIn('redriven')).toBe(3)
    expect(await letters()).toEqual([])
    expect([two.id, three.id]).toHaveLength(2)
  })

  act('letter.edit', 'sends one with other arguments', async () => {
    const { id, letter } = await letterOf('d')
    const edit = { kind: 'letter.edit', id: letter, args: '["edited"]', kwargs: '{}' }
    expect(await dashboard.act(edit)).toMatchObject(isDone)
    await until(async () => (await data(`/task/${id}`)).task.exception?.includes('edited'), patient)
  })

  act('letter.purge', 'discards one, a selection, and all that are found', async () => {
    const [one] = [await letterOf('e'), await letterOf('f'), await letterOf('g')]
    const purge = (choice: object) => dashboard.act({ kind: 'letter.purge', letters: choice })
    const before = (await letters()).length
    expect((await purge({ ids: [one.letter] })).body).toMatchObject({ status: 'done', count: 1 })
    expect(await letters()).toHaveLength(before - 1)
    const { body } = await purge({ filter: { task: 'shop.fail' }, expected: before - 1 })
    expect(await jobEnds(body.jobId)).toMatchObject({ state: 'done', done: before - 1 })
    expect(await letters()).toEqual([])
  })
})

describe('workers', () => {
  act('worker.pool-grow', 'adds slots', async () => {
    expect(await dashboard.act({ kind: 'worker.pool-grow', destination: 'w1@box', n: 2 })).toMatchObject(
      isDone,
    )
    expect(await poolOf('w1@box')).toBe(6)
  })
  act('worker.pool-shrink', 'takes slots away', async () => {
    expect(await dashboard.act({ kind: 'worker.pool-shrink', destination: 'w1@box', n: 1 })).toMatchObject(
      isDone,
    )
    expect(await poolOf('w1@box')).toBe(5)
  })
  act('worker.pool-restart', 'replaces the children; a worker without any says so', async () => {
    const restart = (destination: string) => dashboard.act({ kind: 'worker.pool-restart', destination })
    expect((await restart('w1@box')).body).toMatchObject({
      status: 'refused',
      message: expect.stringContaining('Pool restarts need children'),
    })
    const source = join(dashboard.folder, 'app.mjs')
    const lovage = new URL('../../packages/lovage/dist/index.js', import.meta.url).href
    writeFileSync(
      source,
      `import { Lovage } from '${lovage}'
export const app = new Lovage('shop', { broker: '${redis.url}', backend: '${redis.url}' })
app.task({ name: 'shop.pid', run: () => String(process.pid) })
`,
    )
    const argv = ['-A', source, 'worker', '-P', 'prefork', '-c', '1', '-n', 'w3@box', '-Q', 'children']
    const child = spawn(process.execPath, [LOVAGE, ...argv], { stdio: 'ignore' })
    try {
      await until(async () => (await dashboard.get('/worker/w3@box')).status === 200, patient)
      const pid = async () => (await client.sendTask('shop.pid', { queue: 'children' })).get({ timeout: 20 })
      const before = await pid()
      expect(await restart('w3@box')).toMatchObject(isDone)
      await until(async () => (await pid()) !== before, patient)
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })
  act(
    'worker.autoscale',
    'sets the bounds of a worker that scales itself, and is refused by another',
    async () => {
      const action = { kind: 'worker.autoscale', min: 4, max: 9 }
      expect(await dashboard.act({ ...action, destination: 'w2@box' })).toMatchObject(isDone)
      expect(scaled.autoscaler?.bounds).toMatchObject({ min: 4, max: 9 })
      expect(await dashboard.act({ ...action, destination: 'w1@box' })).toMatchObject({ status: 403 })
    },
  )
  act('worker.add-consumer', 'makes it consume another queue', async () => {
    const id = await idle('more')
    const add = { kind: 'worker.add-consumer', destination: 'w1@box', queue: 'more' }
    expect(await dashboard.act(add)).toMatchObject(isDone)
    await isIn(id, 'SUCCESS')
  })
  act('worker.cancel-consumer', 'makes it leave a queue', async () => {
    const cancel = { kind: 'worker.cancel-consumer', destination: 'w1@box', queue: 'more' }
    expect(await dashboard.act(cancel)).toMatchObject(isDone)
    const queues = await client.control
      .inspect({ destination: 'w1@box', timeout: 5, limit: 1 })
      .activeQueues()
    expect(JSON.stringify(queues)).not.toContain('"more"')
  })
  act('fleet.disable-events', 'silences the fleet', async () => {
    expect(await dashboard.act({ kind: 'fleet.disable-events' })).toMatchObject(isDone)
  })
  act('fleet.enable-events', 'makes it tell again', async () => {
    expect(await dashboard.act({ kind: 'fleet.enable-events' })).toMatchObject(isDone)
    const { id } = await client.sendTask('shop.add', { args: [2, 3] })
    await isIn(id, 'SUCCESS')
  })
})

describe('limits', () => {
  act('limit.rate', 'sets the rate of a task, and takes it back', async () => {
    expect(await dashboard.act({ kind: 'limit.rate', task: 'shop.add', rate: '7/m' })).toMatchObject(isDone)
    expect((await data('/limits')).rates).toEqual([{ task: 'shop.add', rate: '7/m' }])
    expect(await dashboard.act({ kind: 'limit.rate', task: 'shop.add', rate: '' })).toMatchObject(isDone)
    expect((await data('/limits')).rates).toEqual([])
    expect(await dashboard.act({ kind: 'limit.rate', task: 'shop.add', rate: 'often' })).toMatchObject({
      status: 400,
      body: { status: 'invalid', message: 'A rate must be written as 10/s, 10/m or 10/h, not "often".' },
    })
  })
  act('limit.time', 'ends a task that takes too long', async () => {
    const limit = { kind: 'limit.time', task: 'shop.hold', hard: 0.5, soft: 0.2, destination: 'w1@box' }
    expect(await dashboard.act(limit)).toMatchObject(isDone)
    const { id } = await client.sendTask('shop.hold', { args: ['late'] })
    await isIn(id, 'FAILURE')
    expect((await data(`/task/${id}`)).task.exception).toMatch(/TimeLimit/)
  })
})

act('job.stop', 'ends a job after its batch', async () => {
  for (let n = 0; n < 3; n++) await letterOf(`h${n}`)
  // One in ten seconds: it runs until it is stopped.
  const letters = { filter: { task: 'shop.fail' }, expected: 3 }
  const { body } = await dashboard.act({ kind: 'letter.redrive', letters, rate: 0.1 })
  expect(await dashboard.act({ kind: 'job.stop', id: body.jobId })).toMatchObject(isDone)
  expect(await jobEnds(body.jobId)).toMatchObject({ state: 'stopped' })
  expect((await dashboard.act({ kind: 'job.stop', id: body.jobId })).body.status).toBe('invalid')
})

act('worker.shutdown', 'ends a worker, warm', async () => {
  expect(await dashboard.act({ kind: 'worker.shutdown', destination: 'w2@box' })).toMatchObject(isDone)
  await until(async () => (await data('/worker/w2@box')).line.state === 'offline', patient)
})

test('every action has a test', () => {
  expect([...tested].sort()).toEqual(Object.keys(ROLE_OF).sort())
})
