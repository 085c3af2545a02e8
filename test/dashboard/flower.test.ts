import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningDashboard, runDashboard } from '@lovage/dashboard/cli'
import type { Lovage } from 'lovage'
import { createTestApp, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { pythonCelery, startRedis } from '../servers.js'
import { PYTHON, TASK_FIELDS } from './flower-fleet.js'

vi.setConfig({ testTimeout: 60_000 })
const patient = { timeoutMs: 30_000 }

const AUTH = { authorization: `Basic ${Buffer.from('ada:secret').toString('base64')}` }
/** Rows of the table in the documents that a test has shown. */
const shown = new Set<string>()

describe('Flower’s interface, with a worker in Python', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-flower-'))
  let redis: Awaited<ReturnType<typeof startRedis>>
  let python: Awaited<ReturnType<typeof pythonCelery>>
  let app: Lovage
  let dashboard: RunningDashboard
  let closed: RunningDashboard
  let readOnly: RunningDashboard
  let worker = ''

  const call = async (
    method: string,
    path: string,
    {
      body,
      form,
      at = dashboard,
      headers = AUTH,
    }: {
      body?: unknown
      form?: Record<string, string>
      at?: RunningDashboard
      headers?: Record<string, string>
    } = {},
  ) => {
    const response = await fetch(`http://127.0.0.1:${at.port}${path}`, {
      method,
      headers: { ...headers, ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}) },
      ...(form
        ? { body: new URLSearchParams(form).toString() }
        : body === undefined
          ? {}
          : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    // biome-ignore lint/suspicious/noExplicitAny: what is answered is what these tests look at.
    let json: any
    try {
      json = JSON.parse(text)
    } catch {
      // A text.
    }
    return { status: response.status, text, json, headers: response.headers }
  }
  const row = (method: string, path: string, run: () => Promise<void>): void => {
    test(`${method} ${path}`, async () => {
      await run()
      shown.add(`${method} ${path}`)
    })
  }
  const info = async (id: string) => (await call('GET', `/api/task/info/${id}`)).json
  const ended = async (id: string): Promise<void> =>
    void (await until(async () => /SUCCESS|FAILURE|REVOKED/.test((await info(id))?.state ?? ''), patient))

  beforeAll(async () => {
    redis = await startRedis()
    python = await pythonCelery({
      broker: redis.url,
      backend: redis.url,
      source: PYTHON,
      args: ['-c', '2', '-Q', 'celery'],
    })
    worker = python.nodeName
    app = createTestApp('flower', { broker: redis.url, backend: redis.url, env: {} })
    const run = (db: string, ...argv: string[]) =>
      runDashboard(app, ['--port=0', `--db=${join(folder, db)}`, ...argv], {})
    dashboard = await run('a', '--basic_auth=ada:secret')
    closed = await run('b')
    readOnly = await run('c', '--unauthenticated-api', '--read_only')
    for (const at of [dashboard, readOnly])
      await until(async () => {
        const headers = at === dashboard ? AUTH : {}
        await call('GET', '/api/workers?refresh=1', { at, headers })
        return (
          (await call('GET', `/api/workers?workername=${worker}`, { at, headers })).json?.[worker]
            ?.registered !== undefined
        )
      }, patient)
  }, 120_000)
  afterAll(async () => {
    await Promise.all([dashboard, closed, readOnly].map((one) => one?.close()))
    await app.close()
    await python.stop()
    await redis.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  row('GET', '/api/workers', async () => {
    const { json, headers } = await call('GET', '/api/workers')
    expect(headers.get('content-type')).toBe('application/json; charset=UTF-8')
    expect(json[worker]).toMatchObject({
      active_queues: [{ name: 'celery', routing_key: 'celery' }],
      registered: expect.arrayContaining(['tasks.add', 'tasks.fail']),
      stats: { pool: { 'max-concurrency': 2 }, total: expect.any(Object) },
      timestamp: expect.any(Number),
    })
    expect((await call('GET', '/api/workers?status=true')).json).toEqual({ [worker]: true })
    expect(await call('GET', '/api/workers?workername=nobody')).toMatchObject({
      status: 404,
      text: "Unknown worker 'nobody'",
    })
    expect(await call('GET', '/api/workers?refresh=maybe')).toMatchObject({
      status: 400,
      text: "Invalid argument 'maybe' of type 'bool'",
    })
  })
  row('POST', '/api/task/async-apply/{name}', async () => {
    const { status, json } = await call('POST', '/api/task/async-apply/tasks.add', {
      body: { args: [1, 2], countdown: 0 },
    })
    expect(status).toBe(200)
    expect(json).toEqual({
      'task-id': expect.any(String),
      state: expect.stringMatching(/PENDING|STARTED|SUCCESS/),
    })
    await ended(json['task-id'])
    expect(await info(json['task-id'])).toMatchObject({
      state: 'SUCCESS',
      result: '3',
      name: 'tasks.add',
      args: '(1, 2)',
      worker,
    })
    expect(await call('POST', '/api/task/async-apply/tasks.nothing', { body: {} })).toMatchObject({
      status: 404,
      text: "Unknown task 'tasks.nothing'",
    })
    for (const [body, text] of [
      ['[1]', 'invalid options'],
      ['{"args": 1}', 'args must be an array'],
      ['{"eta": "soon"}', 'Invalid option'],
    ] as const)
      expect(await call('POST', '/api/task/async-apply/tasks.add', { body })).toMatchObject({
        status: 400,
        text,
      })
    expect((await call('POST', '/api/task/async-apply/tasks.add', { body: '{broken' })).status).toBe(400)
  })
  row('POST', '/api/task/apply/{name}', async () => {
    const { json } = await call('POST', '/api/task/apply/tasks.add', {
      body: { args: [9007199254740992, 0], kwargs: {} },
    })
    expect(json).toEqual({ 'task-id': expect.any(String), state: 'SUCCESS', result: 9007199254740992 })
    const big = await call('POST', '/api/task/apply/tasks.add', {
      body: '{"args": [12345678901234567890, 1]}',
    })
    expect(big.text).toContain('"result":12345678901234567891')
    const failed = await call('POST', '/api/task/apply/tasks.fail')
    expect(failed.json).toMatchObject({
      state: 'FAILURE',
      result: expect.stringContaining('ValueError'),
      traceback: expect.stringContaining('raise ValueError'),
    })
  })
  row('POST', '/api/task/send-task/{name}', async () => {
    const { status, json } = await call('POST', '/api/task/send-task/unknown.here', {
      body: { args: [1], queue: 'elsewhere' },
    })
    expect({ status, json }).toEqual({
      status: 200,
      json: { 'task-id': expect.any(String), state: 'PENDING' },
    })
    expect(await call('POST', '/api/task/send-task/x', { body: { linkk: 1 } })).toMatchObject({ status: 400 })
  })
  row('GET', '/api/task/result/{id}', async () => {
    const { json } = await call('POST', '/api/task/async-apply/tasks.add', { body: { args: [3, 4] } })
    const id = json['task-id']
    expect((await call('GET', `/api/task/result/${id}?timeout=10`)).json).toMatchObject({
      'task-id': id,
      result: 7,
    })
    expect((await call('GET', `/api/task/result/${id}`)).json).toEqual({
      'task-id': id,
      state: 'SUCCESS',
      result: 7,
    })
    expect((await call('GET', '/api/task/result/nobody')).json).toEqual({
      'task-id': 'nobody',
      state: 'PENDING',
    })
  })
  row('GET', '/api/task/info/{id}', async () => {
    const { json } = await call('POST', '/api/task/async-apply/tasks.fail')
    await ended(json['task-id'])
    const task = await info(json['task-id'])
    expect(Object.keys(task).sort()).toEqual(TASK_FIELDS)
    expect(task).toMatchObject({
      state: 'FAILURE',
      exception: "ValueError('no')",
      failed: expect.any(Number),
      worker,
      retries: 0,
    })
    expect(Math.abs(task.received - Date.now() / 1000)).toBeLessThan(60)
    expect(await call('GET', '/api/task/info/nobody')).toMatchObject({
      status: 404,
      text: "Unknown task 'nobody'",
    })
  })
  row('GET', '/api/tasks', async () => {
    const { json: one } = await call('POST', '/api/task/async-apply/tasks.add', {
      body: { args: ['needle', 'hay'] },
    })
    await ended(one['task-id'])
    const list = async (query: string) => (await call('GET', `/api/tasks?${query}`)).json
    expect(await list('search=needle')).toEqual({
      [one['task-id']]: await info(one['task-id']).then((task) => ({ ...task, children: [] })),
    })
    expect(Object.keys(await list('limit=2')).length).toBe(2)
    const all = Object.keys(await list(''))
    expect(Object.keys(await list('limit=2&offset=1'))).toEqual(all.slice(1, 3))
    expect(
      Object.values(await list('state=FAILURE')).every(
        (task) => (task as { state: string }).state === 'FAILURE',
      ),
    ).toBe(true)
    expect(
      Object.keys(await list(`taskname=tasks.add&workername=${worker}&state=All`)).length,
    ).toBeGreaterThan(2)
    expect(await list('workername=nobody')).toEqual({})
    const names = Object.values(await list('sort_by=name')).map((task) => (task as { name: string }).name)
    expect(names).toEqual([...names].sort())
    expect(Object.values(await list('sort_by=-name')).map((task) => (task as { name: string }).name)).toEqual(
      [...names].sort().reverse(),
    )
    expect(Object.keys(await list('received_end=2020-01-01%2000:00&state=SUCCESS'))).toEqual([])
    expect(Object.keys(await list('received_start=2020-01-01%2000:00&state=SUCCESS')).length).toBeGreaterThan(
      1,
    )
    expect(await call('GET', '/api/tasks?search=ab')).toMatchObject({
      status: 400,
      json: { error: 'Substring search terms must contain at least 3 characters at position 0.' },
    })
    expect(await call('GET', '/api/tasks?search=NOT%20abc')).toMatchObject({
      status: 400,
      json: { error: 'NOT is not supported at position 0.' },
    })
  })
  row('GET', '/api/task/types', async () => {
    expect((await call('GET', '/api/task/types')).json).toEqual({
      'task-types': expect.arrayContaining(['tasks.add', 'tasks.fail']),
    })
  })
  row('GET', '/api/queues/length', async () => {
    expect((await call('GET', '/api/queues/length')).json).toEqual({
      active_queues: [{ name: 'celery', messages: expect.any(Number) }],
    })
  })
  row('POST', '/api/task/revoke/{id}', async () => {
    const { json } = await call('POST', '/api/task/async-apply/tasks.add', {
      body: { args: [1, 1], countdown: 600 },
    })
    const id = json['task-id']
    expect((await call('POST', `/api/task/revoke/${id}`)).json).toEqual({ message: `Revoked '${id}'` })
    expect((await call('POST', `/api/task/revoke/${id}?terminate=true&signal=SIGKILL`)).status).toBe(200)
    expect((await call('POST', `/api/task/revoke/${id}?terminate=perhaps`)).status).toBe(400)
  })
  row('POST', '/api/task/abort/{id}', async () => {
    const { json } = await call('POST', '/api/task/async-apply/tasks.add', {
      body: { args: [1, 1], countdown: 600 },
    })
    const id = json['task-id']
    expect((await call('POST', `/api/task/abort/${id}`)).json).toEqual({ message: `Aborted '${id}'` })
  })
  row('POST', '/api/task/timeout/{name}', async () => {
    const form = { soft: '30', hard: '100', workername: worker }
    expect((await call('POST', '/api/task/timeout/tasks.nap', { form })).json).toEqual({
      message: 'time limits set successfully',
    })
    expect(await call('POST', '/api/task/timeout/tasks.none', { form })).toMatchObject({
      status: 404,
      text: "Unknown task 'tasks.none'",
    })
    expect(
      await call('POST', '/api/task/timeout/tasks.nap', { form: { ...form, workername: 'w' } }),
    ).toMatchObject({ status: 404, text: "Unknown worker 'w'" })
    expect((await call('POST', '/api/task/timeout/tasks.nap', { form: { ...form, soft: 'x' } })).status).toBe(
      400,
    )
  })
  row('POST', '/api/task/rate-limit/{name}', async () => {
    const form = { ratelimit: '200', workername: worker }
    expect((await call('POST', '/api/task/rate-limit/tasks.nap', { form })).json).toEqual({
      message: 'new rate limit set successfully',
    })
    expect(
      await call('POST', '/api/task/rate-limit/tasks.nap', { form: { ...form, ratelimit: 'often' } }),
    ).toMatchObject({ status: 403, text: expect.stringContaining('Failed to set rate limit: ') })
  })
  row('POST', '/api/worker/queue/add-consumer/{worker}', async () => {
    expect((await call('POST', `/api/worker/queue/add-consumer/${worker}?queue=more`)).json).toEqual({
      message: 'add consumer more',
    })
    expect(await call('POST', '/api/worker/queue/add-consumer/w?queue=more')).toMatchObject({
      status: 404,
      text: "Unknown worker 'w'",
    })
  })
  row('POST', '/api/worker/queue/cancel-consumer/{worker}', async () => {
    const { json } = await call('POST', `/api/worker/queue/cancel-consumer/${worker}`, {
      form: { queue: 'more' },
    })
    expect(json).toEqual({ message: 'no longer consuming from more' })
  })
  row('POST', '/api/worker/pool/grow/{worker}', async () => {
    const { status, text } = await call('POST', `/api/worker/pool/grow/${worker}?n=1`)
    // Python's thread pool cannot grow; prefork can.
    expect([200, 403]).toContain(status)
    expect(text).toMatch(
      new RegExp(
        `^(?:\\{"message":"Growing '${worker}' worker's pool by 1"\\}|Failed to grow '${worker}' worker's pool: .+)$`,
      ),
    )
    expect(await call('POST', `/api/worker/pool/grow/${worker}?n=x`)).toMatchObject({
      status: 400,
      text: "Invalid argument 'x' of type 'int'",
    })
  })
  row('POST', '/api/worker/pool/shrink/{worker}', async () => {
    const { status, text } = await call('POST', `/api/worker/pool/shrink/${worker}`)
    expect([200, 403]).toContain(status)
    expect(text).toMatch(/Shrinking '.+' worker's pool by 1|Failed to shrink '.+' worker's pool: .+/)
  })
  row('POST', '/api/worker/pool/autoscale/{worker}', async () => {
    const { status, text } = await call('POST', `/api/worker/pool/autoscale/${worker}?min=1&max=3`)
    expect({ status, text }).toEqual({
      status: 403,
      text: expect.stringContaining(`Failed to autoscale '${worker}' worker: `),
    })
    expect(await call('POST', `/api/worker/pool/autoscale/${worker}`)).toMatchObject({
      status: 400,
      text: "Invalid argument '[]' of type 'int'",
    })
  })
  row('POST', '/api/worker/pool/restart/{worker}', async () => {
    const { status, text } = await call('POST', `/api/worker/pool/restart/${worker}`)
    expect({ status, text }).toEqual({
      status: 403,
      text: expect.stringContaining(`Failed to restart the '${worker}' pool: `),
    })
  })
  row('GET', '/metrics', async () => {
    const { text, headers } = await call('GET', '/metrics', { headers: {} })
    expect(headers.get('content-type')).toMatch(/^text\/plain/)
    expect(text).toMatch(
      new RegExp(`flower_events_total\\{worker="${worker}",type="task-succeeded",task="tasks.add"\\} \\d+`),
    )
    expect(text).toMatch(
      new RegExp(
        `flower_task_runtime_seconds_bucket\\{le="\\+Inf",task="tasks.add",worker="${worker}"\\} \\d+`,
      ),
    )
    expect(text).toContain(`flower_worker_online{worker="${worker}"} 1`)
    expect(text).toMatch(/flower_worker_prefetched_tasks\{.+\} \d/)
    expect(text).toContain('# TYPE flower_task_prefetch_time_seconds gauge')
    expect(text).toContain(`flower_worker_number_of_currently_executing_tasks{worker="${worker}"}`)
  })
  row('GET', '/healthcheck', async () => {
    expect(await call('GET', '/healthcheck', { headers: {} })).toMatchObject({ status: 200, text: 'OK' })
  })

  test('without authentication programs may ask nothing, unless the environment says so', async () => {
    expect(await call('GET', '/api/workers', { at: closed, headers: {} })).toMatchObject({
      status: 401,
      text: 'FLOWER_UNAUTHENTICATED_API environment variable is required to enable API without authentication',
    })
    expect(await call('GET', '/api/workers', { headers: {} })).toMatchObject({
      status: 401,
      text: 'Access denied',
    })
    expect((await call('OPTIONS', '/api/workers')).status).toBe(204)
  })

  test('read only mode closes every write', async () => {
    const paths = [
      'task/apply/tasks.add',
      'task/async-apply/tasks.add',
      'task/send-task/x',
      'task/abort/x',
      'task/revoke/x',
      'task/timeout/tasks.nap',
      'task/rate-limit/tasks.nap',
    ]
    const ofWorker = [
      'shutdown',
      'pool/restart',
      'pool/grow',
      'pool/shrink',
      'pool/autoscale',
      'queue/add-consumer',
      'queue/cancel-consumer',
    ]
    for (const path of [...paths, ...ofWorker.map((one) => `worker/${one}/${worker}`)])
      expect(await call('POST', `/api/${path}`, { at: readOnly, headers: {}, body: {} })).toMatchObject({
        status: 403,
        text: 'Read only mode is enabled',
      })
    expect(
      (
        await call('POST', '/actions', {
          at: readOnly,
          headers: {},
          body: { kind: 'queue.pause', queue: 'celery' },
        })
      ).status,
    ).toBe(403)
    expect((await call('GET', '/api/workers?status=1', { at: readOnly, headers: {} })).json).toEqual({
      [worker]: true,
    })
  })

  row('POST', '/api/worker/shutdown/{worker}', async () => {
    expect(await call('POST', '/api/worker/shutdown/w')).toMatchObject({
      status: 404,
      text: "Unknown worker 'w'",
    })
    expect((await call('POST', `/api/worker/shutdown/${worker}`)).json).toEqual({ message: 'Shutting down!' })
    await until(async () => (await call('GET', '/api/workers?status=1')).json[worker] === false, patient)
    expect((await call('GET', '/metrics')).text).toContain(`flower_worker_online{worker="${worker}"} 0`)
  })

  test('the table in the documents has these rows and no others', () => {
    const page = readFileSync(new URL('../../docs/operate/flower.md', import.meta.url), 'utf8')
    const rows = [...page.matchAll(/^\| `(GET|POST) (\/[^`?]+)/gm)].map(
      ([, method, path]) => `${method} ${path}`,
    )
    expect(rows.sort()).toEqual([...shown].sort())
  })
})
