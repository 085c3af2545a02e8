import { readFileSync } from 'node:fs'
import { startWorker } from 'lovage'
import { createTestApp } from 'lovage/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
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
