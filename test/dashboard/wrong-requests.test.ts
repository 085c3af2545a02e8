import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dashboardApp, openDashboard } from '@lovage/dashboard'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { flowerApp } from '../../packages/dashboard/src/flower/flower-app.js'
import { startOnRedis } from '../control/brokers.js'
import { askDashboard } from './fleet-page.js'

/** Searches that cannot be read. */
const WRONG = [
  '(',
  ')',
  '"',
  'NOT',
  'AND',
  'a OR',
  'state:',
  'id:""',
  'args:"',
  'received:>zz',
  'received:>-1h',
  'ended:>2026-13-45',
  'runtime:>1e999',
  'runtime:>NaN',
  'retries:abc',
  `${'('.repeat(200)}a${')'.repeat(200)}`,
  'NOT '.repeat(300),
  `${'a OR '.repeat(400)}b`,
]
/** Odd ones that can. */
const ODD = [
  '%_\\',
  "'; DROP TABLE task;--",
  '\0',
  '\u0001ab',
  'é É ß',
  '👩‍👩‍👧',
  'name:*',
  'kwargs:a=',
  'x'.repeat(2000),
]

const PATHS = [
  ...[
    '/tasks?limit=0',
    '/tasks?limit=1e9',
    '/tasks?before=-1',
    '/tasks?before=1&after=2',
    '/tasks?after=abc',
  ],
  ...['/task/%00', `/task/${'x'.repeat(5000)}`, '/task/%F0%28', '/queue/%2e%2e', '/queue/a%2Fb'],
  ...[
    '/worker/%3Cscript%3E',
    '/workflow/%00',
    '/dead-letter/%00',
    '/dead-letters?after=zzz',
    '/queues?after=-4',
  ],
  ...['/audit?before=-1', '/queue/celery?after=zz', '/queue/celery?after=ready/NaN:NaN', '/?fleet=nobody'],
  ...[
    '/queue/celery?state=unacked&after=unacked/9:9',
    '/scale/a?slots=NaN',
    '/scale/%00?slots=1',
    '/nowhere',
  ],
]

const ACTIONS = [
  [],
  { kind: 'nope' },
  { kind: 'task.revoke', tasks: { ids: [] } },
  { kind: 'queue.move', queue: 'a', to: '', expected: 5 },
  { kind: 'worker.pool-grow', destination: 'none', n: 1e9 },
]

test('no request, however odd, is a failure of the dashboard', async () => {
  await using app = createTestApp('client')
  await using dashboard = await askDashboard({ main: app })
  const status = async (path: string) => [path, (await dashboard.get(path)).status]
  for (const q of WRONG) {
    const search = encodeURIComponent(q)
    const { body } = await dashboard.get(`/tasks?q=${search}`)
    expect([q, body.data.error]).toEqual([q, expect.objectContaining({ position: expect.any(Number) })])
    expect(await status(`/tasks/all?q=${search}`)).toEqual([expect.anything(), 400])
    const action = { kind: 'task.revoke', tasks: { search: q, expected: 1 } }
    expect([q, (await dashboard.post('/actions/count', action)).status]).toEqual([q, 400])
    expect([q, (await dashboard.act(action)).body.status]).toEqual([q, 'invalid'])
  }
  for (const q of ODD)
    for (const path of ['/tasks', '/tasks/all'])
      expect(await status(`${path}?q=${encodeURIComponent(q)}`)).toEqual([expect.anything(), 200])
  for (const path of PATHS) {
    const [, code] = await status(path)
    expect([path, [200, 400, 404].includes(Number(code))]).toEqual([path, true])
  }
  for (const action of ACTIONS)
    for (const path of ['/actions', '/actions/count']) {
      const { status: code } = await dashboard.post(path, action)
      expect([path, action, [200, 400, 403].includes(code)]).toEqual([path, action, true])
    }
})

const CALLS = [
  ...[
    '[',
    '[]',
    '5',
    'null',
    '{"args": 5}',
    '{"kwargs": []}',
    '{"unknown": 1}',
    '{"queue": 5}',
    '{"queue": ""}',
  ],
  ...['{"countdown": "x"}', '{"countdown": 1e300}', '{"eta": "zz"}', '{"eta": "2026-02-31 00:00:00.0"}'],
  ...[
    '{"expires": {}}',
    '{"expires": 1e300}',
    '{"priority": "high"}',
    '{"task_id": 5}',
    '{"serializer": "nope"}',
  ],
  ...[
    '{"compression": "nope"}',
    '{"headers": 5}',
    '{"time_limit": -1}',
    '{"retries": -1}',
    '{"exchange": "nope"}',
  ],
]
const FORMS: Readonly<Record<string, readonly string[]>> = {
  '/api/task/revoke/x': ['signal=foo', 'terminate=zz', 'terminate=1&signal=9'],
  '/api/task/timeout/t': [
    'hard=abc&workername=w@b',
    'hard=-1&workername=w@b',
    'hard=1&soft=5&workername=w@b',
    '',
  ],
  '/api/task/rate-limit/t': [
    'ratelimit=often&workername=w@b',
    'workername=w@b',
    'ratelimit=1/s&workername=zz',
  ],
  '/api/worker/pool/grow/w@b': ['n=abc', 'n=-5', 'n=99999999999999999999', 'n=1.5'],
  '/api/worker/pool/shrink/w@b': ['n=abc', 'n=0'],
  '/api/worker/pool/autoscale/w@b': ['min=abc&max=1', 'min=5&max=2', 'max=2'],
  '/api/worker/queue/add-consumer/w@b': ['', 'queue=', 'queue=a%0Ab', `queue=${'x'.repeat(300)}`],
  '/api/worker/queue/cancel-consumer/w@b': ['', `queue=${'x'.repeat(300)}`],
  '/api/worker/shutdown/zz': [''],
}
const GETS = [
  ...[
    'limit=1e3',
    'offset=x',
    'sort_by=zz',
    'received_start=zz',
    'received_end=2026-99-99 99:99',
    'search=((',
  ],
].map((query) => `/api/tasks?${query}`)

test('Flower’s interface answers wrong input with 400, 403 or 404 and a sentence', async () => {
  const broker = await startOnRedis()
  const folder = mkdtempSync(join(tmpdir(), 'lovage-wrong-'))
  try {
    const settings = {
      broker: broker.url,
      backend: broker.backend,
      coordinationUrl: broker.backend,
      env: {},
    } as const
    await using client = createTestApp('client', settings)
    await using app = createTestApp('worker', settings)
    app.task({ name: 't', run: () => 1 })
    await using _worker = await startTestWorker(app, { hostname: 'w@b' })
    await using dashboard = await openDashboard({
      fleets: [{ name: 'main', app: client }],
      db: join(folder, 'history'),
    })
    const { open, api } = flowerApp(dashboard, { isApiOpen: true, maxTasks: 10 })
    const server = dashboardApp(dashboard, {
      access: async (c, next) => {
        c.set('person', { name: 'ada', role: 'admin' })
        await next()
      },
      views: {},
      open: [open],
      routes: [api],
    })
    await until(async () => (await (await server.request('/api/workers?refresh=1')).text()).includes('w@b'), {
      timeoutMs: 30_000,
    })
    const expectWrong = async (path: string, init?: RequestInit) => {
      const response = await server.request(path, init)
      const told = [path, init?.body ?? '', response.status] as const
      expect(told).toEqual([told[0], told[1], expect.toBeOneOf([400, 403, 404])])
      expect([...told, await response.text()]).toEqual([...told, expect.stringMatching(/\S \S/)])
    }
    for (const path of [
      ...GETS,
      '/api/task/result/x?timeout=abc',
      '/api/task/result/x?timeout=-1',
      '/api/task/info/none',
      '/api/workers?refresh=zz',
      '/api/workers?workername=zz',
      '/api/workers?fleet=zz',
    ])
      await expectWrong(path)
    for (const body of CALLS)
      for (const path of ['/api/task/async-apply/t', '/api/task/send-task/t', '/api/task/apply/t'])
        await expectWrong(path, { method: 'POST', body })
    for (const [path, forms] of Object.entries(FORMS))
      for (const body of forms)
        await expectWrong(path, {
          method: 'POST',
          body,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        })
  } finally {
    rmSync(folder, { recursive: true, force: true })
    await broker.stop()
  }
}, 60_000)

test('an action on what there is not, or with a value that cannot be, is the request’s fault', async () => {
  const broker = await startOnRedis()
  try {
    const settings = { broker: broker.url, backend: broker.backend, coordinationUrl: broker.backend, env: {} }
    await using app = createTestApp('client', settings)
    await using dashboard = await askDashboard({ main: app })
    const none = { ids: ['none'] }
    for (const action of [
      { kind: 'limit.rate', task: 't', rate: 'often' },
      { kind: 'limit.rate', task: 't', rate: '-1' },
      { kind: 'schedule.enable', entry: 'none' },
      { kind: 'schedule.run', entry: 'none' },
      { kind: 'letter.edit', id: 'none', args: '[]', kwargs: '{}' },
      { kind: 'letter.edit', id: 'none', args: '[', kwargs: '{}' },
      { kind: 'letter.redrive', letters: none },
      { kind: 'letter.purge', letters: none },
      { kind: 'queue.move', queue: 'a', to: 'a', expected: 0 },
      { kind: 'task.retry', tasks: none },
      { kind: 'task.edit-retry', id: 'none', args: '[]', kwargs: '{}' },
      { kind: 'job.stop', id: 'none' },
    ]) {
      const { status, body } = await dashboard.act(action)
      expect([action, status, body]).toEqual([
        action,
        400,
        expect.objectContaining({ status: 'invalid', message: expect.stringMatching(/\.$|JSON/) }),
      ])
    }
  } finally {
    await broker.stop()
  }
}, 60_000)
