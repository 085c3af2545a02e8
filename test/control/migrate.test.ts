import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lovage } from 'lovage'
import { createTestApp } from 'lovage/testing'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { Command, lovage } from '../cli/command.js'
import { type RedisCluster, startCluster } from '../servers.js'
import { BROKERS, type RunningBroker } from './brokers.js'

// Programs are started here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 90_000 })

let folder: string
let closing: (() => Promise<void>)[]
let cluster: RedisCluster | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-migrate-'))
  closing = []
  cluster = undefined
})
afterEach(async () => {
  for (const close of closing.reverse()) await close()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

async function running(name: string): Promise<{ readonly broker: RunningBroker; readonly app: Lovage }> {
  const broker = LAYOUTS.includes(name)
    ? await onCluster(name)
    : await BROKERS.find((one) => one.name === name)?.start()
  if (!broker) throw new Error(`there is no ${name}`)
  const app = createTestApp(name, { broker: broker.url, backend: broker.backend })
  closing.push(
    () => broker.stop(),
    () => app.close(),
  )
  return { broker, app }
}

const LAYOUTS: readonly string[] = ['one-slot', 'slot-per-queue']

/** One Cluster for both layouts. */
async function onCluster(layout: string): Promise<RunningBroker> {
  const started = cluster ?? (await startCluster())
  const stop = cluster ? async () => {} : () => started.stop()
  cluster = started
  const url = started.url().replace(';', `?cluster=${layout};`)
  return { url, backend: url, stop }
}

/** Ids of what is in a queue, each as often as it is there. */
async function idsIn(
  app: Lovage,
  queue: string,
  state: 'ready' | 'unacked' | 'delayed',
): Promise<readonly string[]> {
  const { admin } = await coreOf(app).broker()
  const ids: string[] = []
  for (let after: string | undefined; ; ) {
    const page = await admin.browse(queue, { state, limit: 1000, ...(after === undefined ? {} : { after }) })
    ids.push(...page.items.map(({ id }) => id))
    if (page.next === undefined) return ids.sort()
    after = page.next
  }
}

const send = async (app: Lovage, queue: string, count: number, options = {}): Promise<readonly string[]> => {
  const results = await Promise.all(
    Array.from({ length: count }, (_, n) => app.sendTask('some.task', { args: [n], queue, ...options })),
  )
  return results.map(({ id }) => id)
}

test.each([
  ['redis', 'sqlite'],
  ['sqlite', 'redis'],
  ['one-slot', 'slot-per-queue'],
  ['slot-per-queue', 'one-slot'],
])(
  'migrating from %s to %s loses and doubles nothing, wherever it is killed',
  { timeout: 120_000 },
  async (one, other) => {
    const [source, destination] = [await running(one), await running(other)]
    const ready = [
      ...(await send(source.app, 'mail', 1200)),
      ...(await send(source.app, 'mail', 300, { priority: 9 })),
    ]
    const rare = await send(source.app, 'rare', 7)
    const later = await send(source.app, 'mail', 600, { countdown: 3600, delay: 'store' })
    const line = ['migrate', source.broker.url, destination.broker.url]
    for (const point of ['migrate:after-publish', 'migrate:after-publish#2', 'migrate:after-removal']) {
      await using killed = new Command(line, { cwd: folder, env: { LOVAGE_CRASH_POINT: point } })
      expect(await killed.exited, killed.stderr).toBe('SIGKILL')
    }
    // What the killed ones held comes back when their leases end.
    const isDone = async () => {
      for (const queue of ['mail', 'rare'])
        for (const state of ['ready', 'unacked', 'delayed'] as const)
          if ((await idsIn(source.app, queue, state)).length > 0) return false
      return true
    }
    for (const deadline = Date.now() + 60_000; !(await isDone()) && Date.now() < deadline; ) {
      const { code, stdout, stderr } = await lovage([...line, '--json', '-t', '2'], { cwd: folder })
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(JSON.parse(stdout)).toMatchObject({
        queues: expect.arrayContaining(['mail', 'rare']),
        unreadable: 0,
      })
    }
    expect(await idsIn(destination.app, 'mail', 'ready')).toEqual([...ready].sort())
    expect(await idsIn(destination.app, 'rare', 'ready')).toEqual([...rare].sort())
    expect(await idsIn(destination.app, 'mail', 'delayed')).toEqual([...later].sort())
    for (const queue of ['mail', 'rare'])
      for (const state of ['ready', 'delayed'] as const)
        expect(await idsIn(source.app, queue, state)).toEqual([])
  },
)

test('chosen queues are migrated, so many messages at most, with their priorities and times', async () => {
  const [source, destination] = [await running('redis'), await running('sqlite')]
  const broker = await coreOf(source.app).broker()
  await send(source.app, 'mail', 5, { priority: 7 })
  const [soon] = await send(source.app, 'mail', 1, { countdown: 3600 })
  await send(source.app, 'other', 2)
  const line = ['migrate', source.broker.url, destination.broker.url, '-Q', 'mail', '-t', '0.5']
  expect(await lovage([...line, '-n', '4'], { cwd: folder })).toMatchObject({
    code: 0,
    stdout: '4 messages moved; queues: mail.',
  })
  expect((await lovage(line, { cwd: folder })).stdout).toBe('2 messages moved; queues: mail.')
  expect((await broker.depths(['mail', 'other'])).get('mail')).toMatchObject({ ready: 0, delayed: 0 })
  expect((await broker.depths(['mail', 'other'])).get('other')).toMatchObject({ ready: 2 })
  // A Redis producer leaves it to workers to wait; a file waits itself.
  expect(await idsIn(destination.app, 'mail', 'delayed')).toEqual([soon])
  expect(await idsIn(destination.app, 'mail', 'ready')).toHaveLength(5)
  const { items } = await (await coreOf(destination.app).broker()).admin.browse('mail', { state: 'ready' })
  expect(String(items[0]?.raw)).toMatch(/"priority":\s*2/)
})

test('what cannot be read stays where it is, and the same place is refused', async () => {
  const [source, destination] = [await running('sqlite'), await running('redis')]
  const [good] = await send(source.app, 'mail', 1)
  await (await coreOf(source.app).broker()).publish([
    {
      headers: {},
      body: 'x',
      contentType: 'text/plain',
      contentEncoding: 'utf-8',
      properties: { correlationId: null, replyTo: null, deliveryMode: 2 },
      exchange: '',
      routingKey: 'mail',
    },
  ])
  const { code, stdout } = await lovage(
    ['migrate', source.broker.url, destination.broker.url, '-t', '0.5', '--json'],
    { cwd: folder },
  )
  // It is no task, and travels as it is.
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, moved: 2, unreadable: 0 })
  expect(await idsIn(destination.app, 'mail', 'ready')).toContain(good)
  const same = await lovage(['migrate', source.broker.url, source.broker.url], { cwd: folder })
  expect(same).toMatchObject({ code: 64, stderr: expect.stringMatching(/nothing to migrate/) })
  expect(await lovage(['migrate', source.broker.url], { cwd: folder })).toMatchObject({ code: 64 })
})

test.each(BROKERS)(
  'a queue’s messages are moved to another on $name: ten thousand, and none lost',
  async ({ name }) => {
    const { broker, app } = await running(name)
    const ids = await send(app, 'low', 10_000)
    await send(app, 'high', 1)
    await send(app, 'low', 3, { countdown: 3600, delay: 'store' })
    const line = ['-b', broker.url, 'migrate-queue', 'low', 'high']
    const { code, stdout, stderr } = await lovage(line, { cwd: folder })
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: '10000 messages moved from low to high.',
      stderr: '3 messages are delayed, and arrive in low when due.',
    })
    const moved = new Set(await idsIn(app, 'high', 'ready'))
    expect(moved.size).toBe(10_001)
    expect(ids.every((id) => moved.has(id))).toBe(true)
    expect(await idsIn(app, 'low', 'ready')).toEqual([])
    expect(await lovage(['-b', broker.url, 'migrate-queue', 'low', 'hihg'], { cwd: folder })).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/There is no queue hihg/),
    })
    expect(
      (await lovage(['-b', broker.url, 'migrate-queue', 'high', 'new', '--create'], { cwd: folder })).code,
    ).toBe(0)
  },
)

test('there, back, and there again within the hour loses nothing', async () => {
  const [source, destination] = await Promise.all([running('sqlite'), running('redis')])
  const ids = [...(await send(source.app, 'tide', 3))].sort()
  const ends = [source.broker.url, destination.broker.url]
  for (const way of [ends, [...ends].reverse(), ends])
    expect(await lovage(['migrate', ...way, '-Q', 'tide', '-t', '0.5'], { cwd: folder })).toMatchObject({
      code: 0,
    })
  expect(await idsIn(destination.app, 'tide', 'ready')).toEqual(ids)
  expect(await idsIn(source.app, 'tide', 'ready')).toEqual([])
})
