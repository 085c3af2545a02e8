import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lovage, Worker } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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
    args: ['-P', 'prefork', '-c', '2', '-Q', 'py'],
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

describe('every question and order reaches Python’s workers', () => {
  const ask = async (...words: readonly string[]) => {
    const { code, stdout, stderr } = await lovage(...words, '--json', '-t', '10', '-d', python.nodeName)
    expect(stderr).toBe('')
    return { code, answer: JSON.parse(stdout)[python.nodeName] }
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
    const [name = ''] = python.nodeName.split('@')
    for (const nodes of ['t?@*', 'ts,nobody@*'])
      expect(
        JSON.parse((await lovage('inspect', 'ping', '--json', '-t', '3', '-d', nodes)).stdout),
        nodes,
      ).toEqual({
        'ts@box': { ok: 'pong' },
      })
    const both = await lovage('inspect', 'ping', '--json', '-t', '3', '-d', `ts@box,${name.slice(0, -1)}*@*`)
    expect(Object.keys(JSON.parse(both.stdout)).sort()).toEqual([python.nodeName, 'ts@box'].sort())
  })

  test('a mixed fleet answers one broadcast', async () => {
    const { stdout } = await lovage('control', 'enable_events', '--json', '-t', '5')
    expect(Object.keys(JSON.parse(stdout)).sort()).toEqual([python.nodeName, 'ts@box'].sort())
    await lovage('control', 'disable_events', '-t', '2')
  })

  // The last one: it ends the worker.
  test('control shutdown, which Python’s never answer', async () => {
    const { code, stderr } = await lovage('control', 'shutdown', '-t', '1', '-d', python.nodeName)
    expect({ code, stderr }).toMatchObject({
      code: 69,
      stderr: expect.stringMatching(/Python’s workers end without an answer/),
    })
    await until(async () => !(python.nodeName in (await app.control.ping({ timeout: 1 }))), {
      timeoutMs: 60_000,
    })
  })
})
