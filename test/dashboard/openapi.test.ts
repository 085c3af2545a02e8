import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dashboardApp, openDashboard } from '@lovage/dashboard'
import { createTestApp } from 'lovage/testing'
import { expect, onTestFinished, test } from 'vitest'
import { askDashboard } from './fleet-page.js'

interface Document {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<string, { readonly parameters?: readonly { readonly name: string; readonly in: string }[] }>
      >
    >
  >
  readonly components: {
    readonly schemas: Readonly<
      Record<
        string,
        {
          readonly properties?: Readonly<Record<string, unknown>>
          readonly required?: readonly string[]
          readonly oneOf?: readonly unknown[]
          readonly anyOf?: readonly unknown[]
        }
      >
    >
  }
}

test('the interface is described: every page answers as it says, with the parameters that it names', async () => {
  const app = createTestApp('client')
  await using dashboard = await askDashboard({ main: app })
  app.events.send('task-received', { uuid: 'a', name: 'n' })
  const { body } = await dashboard.get('/openapi.json')
  const document = body as unknown as Document
  const { schemas } = document.components
  // The others have no `format`: they are for programs alone.
  const pages = Object.entries(document.paths).filter(([, { get }]) =>
    get?.parameters?.some(({ name }) => name === 'format'),
  )
  expect(pages).toHaveLength(20)
  for (const [path, { get }] of pages) {
    const query = (get?.parameters ?? []).filter(
      (one) => one.in === 'query' && !['fleet', 'format'].includes(one.name),
    )
    const { status, body: page } = await dashboard.get(path.replace(/\{\w+\}/, 'nobody'))
    expect([path, [200, 404].includes(status)]).toEqual([path, true])
    if (status === 200)
      expect(Object.keys(page)).toEqual(expect.arrayContaining([...(schemas.Frame?.required ?? []), 'data']))
    // A parameter that is read is refused when it is wrong; a number is easily wrong.
    for (const { name } of query.filter((one) =>
      ['limit', 'before', 'failedBeforeMs', 'sort', 'state'].includes(one.name),
    ))
      expect([
        path,
        name,
        (await dashboard.get(`${path.replace(/\{\w+\}/, 'nobody')}?${name}=~`)).status,
      ]).toEqual([path, name, 400])
  }
  const action = schemas.Action?.oneOf ?? schemas.Action?.anyOf
  expect(action).toHaveLength(34)
  await app.close()
})

test('no route of its own is missing in the description, and none is described that there is not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-openapi-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  await using app = createTestApp('client')
  await using dashboard = await openDashboard({
    fleets: [{ name: 'main', app }],
    db: join(folder, 'h'),
    enableEvents: false,
  })
  const server = dashboardApp(dashboard, {
    views: {},
    access: async (c, next) => {
      c.set('person', { name: 'ada', role: 'viewer' })
      await next()
    },
  })
  // `ALL` is middleware, and the answer for a path that is not there.
  const routes = server.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)(?:\{\.\+\})?/g, '{$1}')}`)
  const { paths } = (await (await server.request('/openapi.json')).json()) as Document
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(described.toSorted()).toEqual([...new Set(routes)].toSorted())
})

test('the load of a queue is answered as it is described', async () => {
  await using app = createTestApp('client')
  await using dashboard = await askDashboard({ main: app })
  await app.remote<[], null>({ name: 'mail.send', options: { queue: 'mail' } }).delay()
  const { status, body } = await dashboard.get('/scale/mail?slots=5')
  const { schemas } = ((await dashboard.get('/openapi.json')).body as unknown as Document).components
  expect([status, Object.keys(body).toSorted()]).toEqual([200, schemas.Scale?.required?.toSorted()])
  expect((await dashboard.get('/live?fleet=nobody')).status).toBe(404)
})
