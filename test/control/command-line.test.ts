import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lovage, Worker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Command } from '../cli/command.js'
import { type PythonCelery, pythonCelery, type RedisServer, startRedis } from '../servers.js'

let redis: RedisServer
let python: PythonCelery
let app: Lovage
let worker: Worker
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-control-'))
  redis = await startRedis()
  python = await pythonCelery({
    broker: redis.url,
    backend: redis.url,
    source: `
app.conf.update(task_default_queue='py')

@app.task(name='py.add')
def add(x, y):
    return x + y
`,
    args: ['-P', 'solo', '-Q', 'py'],
  })
  app = createTestApp('ts', { broker: redis.url, backend: redis.url, taskDefaultQueue: 'ts' })
  app.task({ name: 'ts.add', run: (_ctx, x: number, y: number) => x + y })
  worker = await startTestWorker(app, { hostname: 'ts@box' })
})
afterAll(async () => {
  await worker?.stop()
  await app?.close()
  await python?.stop()
  await redis?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function lovage(...args: readonly string[]) {
  await using command = new Command(['-b', redis.url, '--result-backend', redis.url, ...args], {
    cwd: folder,
  })
  const code = await command.exited
  return { code, stdout: command.stdout, stderr: command.stderr }
}

test('status and inspect ask Python’s workers and ours', async () => {
  expect(await lovage('status', '-t', '3')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/ts@box: OK[\s\S]*2 nodes online\./),
  })
  const registered = await lovage('inspect', 'registered', '--json', '-t', '3')
  expect(JSON.parse(registered.stdout)).toEqual({ 'ts@box': ['ts.add'], [python.nodeName]: ['py.add'] })
  expect((await lovage('inspect', 'registered', '-d', 'ts@box')).stdout).toBe(
    '->  ts@box: OK\n    * ts.add\n',
  )
  const stats = await lovage('inspect', 'stats', '-d', python.nodeName, '--json', '-t', '3')
  expect(JSON.parse(stats.stdout)[python.nodeName]).toMatchObject({ pool: expect.any(Object) })
})

test('control orders both', async () => {
  expect(
    (await lovage('control', 'enable_events', '-d', `ts@box,${python.nodeName}`, '-t', '3')).stdout,
  ).toMatch(/events enabled[\s\S]*events enabled/)
  expect((await lovage('control', 'pool_grow', '2', '-d', 'ts@box')).stdout).toMatch(/pool will grow/)
  const added = await lovage('control', 'add_consumer', 'more', '-d', python.nodeName, '-t', '3')
  expect(added.stdout).toMatch(/add consumer more/)
  const unknown = await lovage('control', 'rate_limit', 'nobody', '10/m', '-d', 'ts@box')
  expect(unknown).toMatchObject({ code: 1, stdout: expect.stringMatching(/ERROR\s+unknown task/) })
})

test('revokes hold without an answer, and nobody there is an exit code of its own', async () => {
  const revoked = await lovage('control', 'revoke', 'some-id', '-d', 'nobody@home', '-t', '0.2')
  expect(revoked).toMatchObject({ code: 69, stderr: expect.stringMatching(/No nodes replied/) })
  await until(() => worker.limits.revokes.ids.includes('some-id'))
  expect((await lovage('status', '-d', 'nobody@home', '-t', '0.2')).code).toBe(69)
})

test('says what is wrong with a command line', async () => {
  expect(await lovage('inspect', 'actve', '-t', '0.5', '-d', 'ts@box')).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/KeyError\('actve'\)/),
  })
  expect(await lovage('control', 'rate_limit', 'ts.add')).toMatchObject({
    code: 64,
    stderr: expect.stringMatching(/rate_limit needs rate_limit/),
  })
})

test('pauses queues and resumes them', async () => {
  expect((await lovage('pause', 'ts')).stdout).toBe('paused: ts\n')
  const result = await app.sendTask('ts.add', { args: [1, 2] })
  expect((await lovage('pause')).stdout).toBe('paused: ts\n')
  expect(await result.state()).toBe('PENDING')
  expect((await lovage('resume', 'ts', 'other')).stdout).toBe('resumed 1 of 2\n')
  expect(await result.get({ timeout: 5 })).toBe(3)
})

test('events are printed as they happen, and tasks are told of only while somebody looks', async () => {
  await app.control.disableEvents({ destination: 'ts@box', timeout: 3 })
  await using command = new Command(
    ['-b', redis.url, 'events', '--json', '-t', '0.5', '--destination', 'ts@box'],
    {
      cwd: folder,
    },
  )
  await until(() => /"freq":5/.test(command.stdout), {
    timeoutMs: 15_000,
    what: 'the heartbeat that was asked for',
  })
  const result = await app.sendTask('ts.add', { args: [20, 22] })
  await until(() => command.stdout.includes('task-succeeded') && command.stdout.includes(result.id), {
    timeoutMs: 15_000,
  })
  const events = command.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(events.find(({ type, uuid }) => type === 'task-succeeded' && uuid === result.id)).toMatchObject({
    result: '42',
  })
  command.signal('SIGINT')
  expect(await command.exited).toBe(0)
  expect(await app.control.disableEvents({ destination: 'ts@box', timeout: 3 })).toEqual({
    'ts@box': { ok: 'task events already disabled' },
  })
})
