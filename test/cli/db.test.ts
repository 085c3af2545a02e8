import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeProject } from '../loader/project.js'
import { type PostgresServer, startPostgres } from '../servers.js'
import { lovage } from './command.js'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.stop())

const makeEmpty = () => makeProject({ 'package.json': '{"type":"module"}' })
const tables = async (database: string): Promise<readonly string[]> =>
  server.sql(`select tablename from pg_tables where schemaname = 'public' order by 1`, database)

describe('lovage db migrate', () => {
  test('makes the tables of results, however often, and also when many do it at once', async () => {
    using project = makeEmpty()
    const url = await server.createDatabase('migrated')
    const args = ['-b', 'redis://127.0.0.1:1', '--result-backend', `db+${url}`]
    const runs = await Promise.all(
      [['db', 'migrate'], ['migrate'], ['db', 'migrate']].map((command) =>
        lovage([...args, ...command], { cwd: project.folder }),
      ),
    )
    for (const { code, stdout, stderr } of runs) {
      expect(stderr).toBe('')
      expect(code).toBe(0)
      expect(stdout).toMatch(/^up to date +where\nresults +postgresql:\/\/lovage:\*\*@/)
    }
    expect(await tables('migrated')).toEqual(
      expect.arrayContaining(['celery_taskmeta', 'celery_tasksetmeta', 'lovage_group', 'lovage_join']),
    )
  })

  test('says that there is nothing to do where no store has tables', async () => {
    using project = makeEmpty()
    const { code, stdout } = await lovage(['-b', 'redis://127.0.0.1:1', 'migrate'], { cwd: project.folder })
    expect([code, stdout]).toEqual([0, 'There is nothing to migrate: no store of this app has tables.'])
  })

  test('says in one line what does not fit', async () => {
    using project = makeEmpty()
    const args = [
      '-b',
      'redis://127.0.0.1:1',
      '--result-backend',
      `db+${server.url('nowhere')}`,
      'db',
      'migrate',
    ]
    const { code, stderr } = await lovage(args, { cwd: project.folder })
    expect(code).not.toBe(0)
    expect(stderr).toContain('PostgreSQL has no such database')
    expect(stderr).toContain('[LVG_DATABASE_MISSING]')
  })
})
