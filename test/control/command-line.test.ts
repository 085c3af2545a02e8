import { until } from 'lovage/testing'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Command } from '../cli/command.js'
import { startOnRedis } from './brokers.js'
import { type MixedFleet, startMixedFleet } from './mixed-fleet.js'

// Programs are started here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 90_000 })

let fleet: MixedFleet
beforeAll(async () => {
  fleet = await startMixedFleet(['-P', 'solo'], startOnRedis)
})
afterAll(() => fleet?.[Symbol.asyncDispose]())

test('status and inspect ask Python’s workers and ours', async () => {
  expect(await fleet.lovage('status', '-t', '3')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/ts@box: OK[\s\S]*2 nodes online\./),
  })
  const registered = await fleet.lovage('inspect', 'registered', '--json', '-t', '3')
  expect(JSON.parse(registered.stdout)).toEqual({ 'ts@box': ['ts.add'], [fleet.python.nodeName]: ['py.add'] })
  expect((await fleet.lovage('inspect', 'registered', '-d', 'ts@box')).stdout).toBe(
    '->  ts@box: OK\n    * ts.add\n',
  )
  const stats = await fleet.lovage('inspect', 'stats', '-d', fleet.python.nodeName, '--json', '-t', '3')
  expect(JSON.parse(stats.stdout)[fleet.python.nodeName]).toMatchObject({ pool: expect.any(Object) })
})

test('control orders both', async () => {
  expect(
    (await fleet.lovage('control', 'enable_events', '-d', `ts@box,${fleet.python.nodeName}`, '-t', '3'))
      .stdout,
  ).toMatch(/events enabled[\s\S]*events enabled/)
  expect((await fleet.lovage('control', 'pool_grow', '2', '-d', 'ts@box')).stdout).toMatch(/pool will grow/)
  const added = await fleet.lovage('control', 'add_consumer', 'more', '-d', fleet.python.nodeName, '-t', '3')
  expect(added.stdout).toMatch(/add consumer more/)
  const unknown = await fleet.lovage('control', 'rate_limit', 'nobody', '10/m', '-d', 'ts@box')
  expect(unknown).toMatchObject({ code: 1, stdout: expect.stringMatching(/ERROR\s+unknown task/) })
  // The task is not Python's: what concerns one of the languages is done when that has done it.
  const ours = await fleet.lovage('control', 'rate_limit', 'ts.add', '1000/s', '-t', '3')
  expect(ours).toMatchObject({ code: 0, stdout: expect.stringMatching(/ts@box: OK/) })
  expect(ours.stdout).toMatch(/ERROR\s+unknown task/)
})

test('revokes hold without an answer, and so succeed; for other commands no answer is an exit code of its own', async () => {
  const revoked = await fleet.lovage('control', 'revoke', 'some-id', '-d', 'nobody@home', '-t', '0.2')
  expect(revoked).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/No node replied.*It is in force all the same/),
  })
  await until(() => fleet.worker.limits.revokes.ids.includes('some-id'))
  expect((await fleet.lovage('status', '-d', 'nobody@home', '-t', '0.2')).code).toBe(69)
})

test('revokes and stops what runs when it is told to', async () => {
  const holds = fleet.app.task({
    name: 'ts.hold',
    run: (ctx) =>
      new Promise((_, reject) => {
        ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))
      }),
  })
  const [spared, doomed] = [await holds.delay(), await holds.delay()]
  await until(() => fleet.worker.active.length === 2, { timeoutMs: 30_000 })
  expect((await fleet.lovage('control', 'revoke', spared.id, '-d', 'ts@box', '-t', '3')).stdout).toMatch(
    /flagged as revoked/,
  )
  const stopped = await fleet.lovage(
    'control',
    'revoke',
    doomed.id,
    '--terminate',
    '--signal',
    'kill',
    '-t',
    '3',
  )
  expect(stopped).toMatchObject({ code: 0, stdout: expect.stringContaining(`terminate: ${doomed.id}`) })
  await expect(doomed.get({ timeout: 30 })).rejects.toMatchObject({ code: 'LVG_TASK_REVOKED' })
  expect(fleet.worker.active.map(({ job }) => job.context.id)).toEqual([spared.id])
  await spared.revoke({ terminate: true })
  await until(() => fleet.worker.active.length === 0, { timeoutMs: 30_000 })
  expect(await fleet.lovage('control', 'heartbeat', '--terminate')).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('--terminate and --signal belong to revoke'),
  })
})

test('says what is wrong with a command line', async () => {
  expect(await fleet.lovage('inspect', 'actve', '-t', '0.5', '-d', 'ts@box')).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/KeyError\('actve'\)/),
    stderr: expect.stringMatching(/did you mean active\?/),
  })
  expect(await fleet.lovage('inspect', 'rate_limit', 'ts.add', '1/s')).toMatchObject({
    code: 64,
    stderr: expect.stringMatching(/a command of control, not of inspect/),
  })
  expect(await fleet.lovage('control', 'rate_limit', 'ts.add')).toMatchObject({
    code: 64,
    stderr: expect.stringMatching(/rate_limit needs rate_limit/),
  })
})

test('pauses queues and resumes them', async () => {
  expect((await fleet.lovage('pause', 'ts')).stdout).toBe('paused: ts\n')
  const result = await fleet.app.sendTask('ts.add', { args: [1, 2] })
  expect((await fleet.lovage('pause')).stdout).toBe('paused: ts\n')
  expect(await result.state()).toBe('PENDING')
  expect((await fleet.lovage('resume', 'ts', 'other')).stdout).toBe('resumed 1 of 2\n')
  expect(await result.get({ timeout: 5 })).toBe(3)
})

test('events are printed as they happen, and tasks are told of only while somebody looks', async () => {
  await fleet.app.control.disableEvents({ destination: 'ts@box', timeout: 3 })
  await using command = new Command(
    ['-b', fleet.broker.url, 'events', '--json', '-t', '0.5', '--destination', 'ts@box'],
    {
      cwd: fleet.folder,
    },
  )
  await until(() => /"freq":5/.test(command.stdout), {
    timeoutMs: 15_000,
    what: 'the heartbeat that was asked for',
  })
  const result = await fleet.app.sendTask('ts.add', { args: [20, 22] })
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
  expect(await fleet.app.control.disableEvents({ destination: 'ts@box', timeout: 3 })).toEqual({
    'ts@box': { ok: 'task events already disabled' },
  })
})
