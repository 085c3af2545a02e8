import { expect } from 'vitest'
import { z } from 'zod'
import type { AskedDashboard } from './fleet-page.js'

type Schema = { readonly [key: string]: unknown }

/** The document describes each of these pages as it is: no field is missing in it, and none has another type. */
export async function expectDescribed(
  dashboard: AskedDashboard,
  pages: Readonly<Record<string, string>>,
): Promise<void> {
  const { body } = await dashboard.get('/openapi.json')
  const { paths, components } = body as unknown as {
    readonly paths: Readonly<Record<string, { readonly get?: Schema }>>
    readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
  }
  for (const [path, url] of Object.entries(pages)) {
    const name = /#\/components\/schemas\/(\w+Data)"/.exec(JSON.stringify(paths[path]?.get))?.[1] ?? ''
    const { status, body: page } = await dashboard.get(url)
    expect([url, status]).toEqual([url, 200])
    const schema = z.fromJSONSchema(closed(components.schemas[name] ?? {}), { defaultTarget: 'openapi-3.0' })
    const read = schema.safeParse(page.data)
    expect([url, read.error?.issues ?? []]).toEqual([url, []])
  }
}

/** A schema whose objects have no other fields. */
function closed(schema: Schema): Schema {
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, isSchema(value) ? closed(value) : closedList(value)]),
  )
  return 'properties' in schema ? { ...inner, additionalProperties: false } : inner
}
const closedList = (value: unknown): unknown =>
  Array.isArray(value) ? value.map((one) => (isSchema(one) ? closed(one) : one)) : value
const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
