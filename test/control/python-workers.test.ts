import { until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { FLEET_BROKERS } from './brokers.js'
import { type MixedFleet, startMixedFleet } from './mixed-fleet.js'

// Programs are started here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 90_000 })

describe.each(FLEET_BROKERS)('every question and order reaches Python’s workers on $name', ({ start }) => {
  let fleet: MixedFleet
  beforeAll(async () => {
    fleet = await startMixedFleet(['-P', 'prefork', '-c', '2'], start)
  })
  afterAll(() => fleet?.[Symbol.asyncDispose]())

  const ask = async (...words: readonly string[]) => {
    const { code, stdout, stderr } = await fleet.lovage(
      ...words,
      '--json',
      '-t',
      '10',
      '-d',
      fleet.python.nodeName,
    )
    expect(stderr).toBe('')
    return { code, answer: JSON.parse(stdout)[fleet.python.nodeName] }
  }

  test.each([
    ['ping', [], { ok: 'pong' }],
    ['active', [], []],
    ['reserved', [], []],
    ['scheduled', [], []],
    ['registered', [], ['py.add']],
    ['stats', [], { pool: { 'max-concurrency': 2 }, total: {} }],
    [
      'active_queues',
      [],
      expect.arrayContaining([expect.objectContaining({ name: 'py', routing_key: 'py' })]),
    ],
    ['query_task', ['some', 'ids'], {}],
    ['conf', [], { task_default_queue: 'py' }],
    ['report', [], { ok: expect.stringMatching(/celery/) }],
    ['revoked', [], []],
    ['clock', [], { clock: expect.any(Number) }],
  ])('inspect %s', async (method, words, answer) => {
    const asked = await ask('inspect', method, ...words)
    expect(asked.code).toBe(0)
    // Lists are as they are said; of objects, what is said here.
    if (Array.isArray(asked.answer)) expect(asked.answer).toEqual(answer)
    else expect(asked.answer).toMatchObject(answer)
  })

  test.each([
    ['rate_limit', ['py.add', '10/m'], { ok: 'new rate limit set successfully' }],
    ['time_limit', ['py.add', '5', '10'], { ok: 'time limits set successfully' }],
    ['add_consumer', ['extra'], { ok: 'add consumer extra' }],
    ['cancel_consumer', ['extra'], { ok: expect.stringMatching(/no longer consuming from extra|extra/) }],
    ['pool_grow', ['1'], { ok: 'pool will grow' }],
    ['pool_shrink', ['1'], { ok: 'pool will shrink' }],
    ['revoke', ['never-sent'], { ok: expect.stringMatching(/never-sent/) }],
    ['enable_events', [], { ok: expect.stringMatching(/enabled/) }],
    ['disable_events', [], { ok: 'task events disabled' }],
    ['autoscale', ['3', '1'], { error: expect.stringMatching(/Autoscale not enabled/) }],
  ])('control %s', async (method, words, answer) => {
    const { code, answer: said } = await ask('control', method, ...words)
    expect(said).toEqual(answer)
    expect(code).toBe('error' in answer ? 1 : 0)
  })

  test('nodes are chosen by patterns, and by the names that multi gives', async () => {
    const [name = ''] = fleet.python.nodeName.split('@')
    for (const nodes of ['t?@*', 'ts,nobody@*'])
      expect(
        JSON.parse((await fleet.lovage('inspect', 'ping', '--json', '-t', '3', '-d', nodes)).stdout),
        nodes,
      ).toEqual({
        'ts@box': { ok: 'pong' },
      })
    const both = await fleet.lovage(
      'inspect',
      'ping',
      '--json',
      '-t',
      '3',
      '-d',
      `ts@box,${name.slice(0, -1)}*@*`,
    )
    expect(Object.keys(JSON.parse(both.stdout)).sort()).toEqual([fleet.python.nodeName, 'ts@box'].sort())
  })

  test('a mixed fleet answers one broadcast', async () => {
    const { stdout } = await fleet.lovage('control', 'enable_events', '--json', '-t', '5')
    expect(Object.keys(JSON.parse(stdout)).sort()).toEqual([fleet.python.nodeName, 'ts@box'].sort())
    await fleet.lovage('control', 'disable_events', '-t', '10', '-d', `ts@box,${fleet.python.nodeName}`)
  })

  // The last one: it ends the fleet.worker.
  test('control shutdown, which Python’s never answer', async () => {
    const { code, stderr } = await fleet.lovage('control', 'shutdown', '-t', '1', '-d', fleet.python.nodeName)
    expect({ code, stderr }).toMatchObject({
      code: 69,
      stderr: expect.stringMatching(/Python workers shut down without a reply/),
    })
    await until(async () => !(fleet.python.nodeName in (await fleet.app.control.ping({ timeout: 1 }))), {
      timeoutMs: 60_000,
    })
  })
})
