import { readFileSync } from 'node:fs'
import { startWorker } from 'lovage'
import { createTestApp } from 'lovage/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { lovage } from '../cli/command.js'
import { makeProject } from '../loader/project.js'
import { type PostgresServer, startPostgres } from '../servers.js'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.stop())

/** The grants as the page for operators prints them. */
function documentedGrants(): string {
  const page = readFileSync(new URL('../../docs/operate/postgresql.md', import.meta.url), 'utf8')
  return /```sql\n(GRANT[^`]*)```/.exec(page)?.[1] ?? ''
}

test('an app runs with the rights that the documentation grants, on tables that another user has made', async () => {
  const url = await server.createDatabase('rights')
  using project = makeProject({ 'package.json': '{"type":"module"}' })
  const { code, stderr, stdout } = await lovage(['-b', url, 'db', 'migrate'], { cwd: project.folder })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout.split('\n').map((line) => line.split(' ')[0])).toEqual([
    'up',
    'messages',
    'results',
    'coordination',
    'schedule',
  ])
  await server.sql(`create role app login password 'app'`)
  for (const grant of documentedGrants()
    .split(';')
    .filter((text) => text.trim() !== ''))
    await server.sql(grant, 'rights')

  const mine = url.replace('lovage:lovage@', 'app:app@')
  const app = createTestApp('rights', { broker: mine, backend: mine })
  const add = app.task({ name: 'add', run: (_ctx, x: number, y: number) => x + y })
  const worker = await startWorker(app, {})
  expect(await (await add.delay(2, 3)).get({ timeout: 10 })).toBe(5)
  expect(await (await add.applyAsync([2, 4], { countdown: 0.1 })).get({ timeout: 10 })).toBe(6)
  expect(await app.once('key', () => 7)).toBe(7)
  await worker.stop()
  await app.close()
})

test('apps in schemas of their own share a database and nothing else', async () => {
  const url = await server.createDatabase('schemas')
  const apps = await Promise.all(
    ['one', 'two'].map(async (name) => {
      await server.sql(`create schema ${name}`, 'schemas')
      const own = `${url}?options=-csearch_path%3D${name}`
      const app = createTestApp('shop', { broker: own, backend: own })
      app.task({ name: 'where', run: () => name })
      return app
    }),
  )
  const heard: string[] = []
  for (const [index, app] of apps.entries())
    await (await coreOf(app).broker()).subscribe('news', () => void heard.push(String(index)))
  const [one, two] = apps
  if (one)
    await (await coreOf(one).broker()).broadcast({
      headers: {},
      body: '{}',
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      properties: { correlationId: null, replyTo: null, deliveryMode: 1 },
      exchange: 'news',
      routingKey: '',
    })
  const workers = await Promise.all(apps.map((app) => startWorker(app, {})))
  const sent = await Promise.all([one, two, one, two].map((app) => app?.sendTask('where')))
  const got = await Promise.all(sent.map((result) => result?.get({ timeout: 10 })))
  expect(got).toEqual(['one', 'two', 'one', 'two'])
  expect(heard).toEqual(['0'])
  for (const worker of workers) await worker.stop()
  for (const app of apps) await app.close()
  expect(
    await server.sql(
      `select schemaname from pg_tables where tablename = 'celery_taskmeta' order by 1`,
      'schemas',
    ),
  ).toEqual(['one', 'two'])
})
