import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Action,
  type ActionKind,
  dashboardApp,
  mayAs,
  openDashboard,
  ROLE_OF,
  type Role,
} from '@lovage/dashboard'
import { createTestApp } from 'lovage/testing'
import { expect, test } from 'vitest'
import { flowerApp } from '../../packages/dashboard/src/flower/flower-app.js'

type Fields<Kind extends ActionKind> = Omit<Extract<Action, { readonly kind: Kind }>, 'kind'>
/** One of each; the compiler misses a new one. */
const EXAMPLES: { readonly [Kind in ActionKind]: Fields<Kind> } = {
  'task.retry': { tasks: { ids: ['a'] } },
  'task.edit-retry': { id: 'a', args: '[]', kwargs: '{}' },
  'task.revoke': { tasks: { search: '', expected: 0 } },
  'task.terminate': { tasks: { ids: ['a'] } },
  'task.abort': { tasks: { ids: ['a'] } },
  'queue.pause': { queue: 'q' },
  'queue.resume': { queue: 'q' },
  'queue.purge': { queue: 'q', expected: 0 },
  'queue.move': { queue: 'q', to: 'p', expected: 0 },
  'queue.promote': { ids: ['a'] },
  'queue.remove': { ids: ['a'] },
  'schedule.run': { entry: 'e' },
  'schedule.enable': { entry: 'e' },
  'schedule.disable': { entry: 'e' },
  'letter.redrive': { letters: { ids: ['a'] } },
  'letter.edit': { id: 'a', args: '[]', kwargs: '{}' },
  'letter.purge': { letters: { filter: {}, expected: 0 } },
  'worker.shutdown': { destination: 'w' },
  'worker.pool-restart': { destination: 'w' },
  'worker.pool-grow': { destination: 'w', n: 1 },
  'worker.pool-shrink': { destination: 'w', n: 1 },
  'worker.autoscale': { destination: 'w', min: 1, max: 2 },
  'worker.add-consumer': { destination: 'w', queue: 'q' },
  'worker.cancel-consumer': { destination: 'w', queue: 'q' },
  'limit.rate': { task: 't', rate: '1/s' },
  'limit.time': { task: 't', hard: 1 },
  'fleet.enable-events': {},
  'fleet.disable-events': {},
  'webhook.replay': { ids: ['a'] },
  'webhook.replay-all': { endpoint: 'e', sinceMs: 0 },
  'webhook.cancel': { id: 'a' },
  'webhook.enable': { endpoint: 'e' },
  'webhook.disable': { endpoint: 'e' },
  'job.stop': { id: 'a' },
}
// The keys are those of the table above.
const KINDS = Object.keys(EXAMPLES) as ActionKind[]

/** Counts, and changes nothing. */
const READS: ReadonlySet<string> = new Set(['POST /actions/count'])

/** The whole server, for a person of a role. */
async function serve(role: Role, readOnly: boolean) {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-closed-'))
  const app = createTestApp('shop')
  const dashboard = await openDashboard({ fleets: [{ name: 'main', app }], db: join(folder, 'h'), readOnly })
  const { open, api } = flowerApp(dashboard, { isApiOpen: true, maxTasks: 10 })
  const server = dashboardApp(dashboard, {
    access: async (c, next) => {
      c.set('person', { name: 'vi', role })
      await next()
    },
    views: {},
    open: [open],
    routes: [api],
  })
  const post = (path: string, body: object) =>
    server.request(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
  return {
    server,
    post,
    audit: () => dashboard.fleetOf(undefined).store.auditTrail({ limit: 100 }),
    async [Symbol.asyncDispose]() {
      await dashboard.close()
      await app.close()
      rmSync(folder, { recursive: true })
    },
  }
}

test.each<[string, Role, boolean]>([
  ['read only mode', 'admin', true],
  ['the role viewer', 'viewer', false],
])('%s closes every route that writes, and every action', async (_name, role, readOnly) => {
  await using served = await serve(role, readOnly)
  const writing = served.server.routes.filter(
    ({ method }) => !['GET', 'ALL', 'HEAD', 'OPTIONS'].includes(method),
  )
  const paths = [...new Set(writing.map(({ method, path }) => `${method} ${path}`))]
  expect(paths.length).toBeGreaterThan(15)
  for (const route of paths.filter((one) => !READS.has(one))) {
    const [method = '', path = ''] = route.split(' ')
    const body = path === '/actions' ? { kind: 'queue.pause', queue: 'q' } : {}
    const response = await served.server.request(path.replaceAll(/:\w+(?:\{[^}]*\})?/g, 'x'), {
      method,
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
    expect([route, response.status]).toEqual([route, 403])
  }
  for (const kind of KINDS) {
    const response = await served.post('/actions', { kind, ...EXAMPLES[kind] })
    const { status, message } = (await response.json()) as { status: string; message: string }
    expect([kind, response.status, status]).toEqual([kind, 403, 'refused'])
    expect(message).toMatch(readOnly ? /Read only mode is enabled/ : /needs the role .*; vi has viewer/)
  }
  // What was refused is in the audit log too.
  expect((await served.audit()).filter(({ outcome }) => outcome === 'refused')).toHaveLength(KINDS.length + 1)
})

test('an operator is refused what only an admin may do, and nothing else', async () => {
  await using served = await serve('operator', false)
  for (const kind of KINDS.filter((one) => !mayAs('operator', ROLE_OF[one]))) {
    const response = await served.post('/actions', { kind, ...EXAMPLES[kind] })
    expect([kind, response.status]).toEqual([kind, 403])
  }
  expect((await served.post('/actions', { kind: 'queue.pause', queue: 'q' })).status).toBe(200)
  expect((await served.post('/api/worker/shutdown/x', {})).status).toBe(403)
})
