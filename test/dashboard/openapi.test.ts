import { createTestApp } from 'lovage/testing'
import { expect, test } from 'vitest'
import { askDashboard } from './fleet-page.js'

interface Document {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<string, { readonly parameters: readonly { readonly name: string; readonly in: string }[] }>
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
  const pages = Object.entries(document.paths).filter(([, methods]) => methods.get)
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
