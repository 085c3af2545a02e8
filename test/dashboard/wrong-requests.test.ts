import { createTestApp } from 'lovage/testing'
import { expect, test } from 'vitest'
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
    expect([q, (await dashboard.act(action)).body.status]).toEqual([q, 'refused'])
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
