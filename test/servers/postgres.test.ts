import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PostgresServer, startPostgres } from '../servers.js'

describe('a private PostgreSQL', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.stop())

  it('keeps what was committed over kill -9 and a restart on the same port', async () => {
    await server.sql('create table kept (n int); insert into kept values (7)')
    await server.restart()
    expect(await server.sql('select n from kept')).toEqual(['7'])
  })

  it('copies a database from a template', async () => {
    const name = new URL(await server.createDatabase('copy', 'lovage')).pathname.slice(1)
    expect(await server.sql('select current_database()', name)).toEqual(['copy'])
  })

  it('answers nobody while it is frozen', async () => {
    server.pause()
    const answer = server.sql('select 1').then(() => 'answered')
    const silence = new Promise((resolve) => setTimeout(resolve, 200, 'silent'))
    expect(await Promise.race([answer, silence])).toBe('silent')
    server.resume()
    expect(await answer).toBe('answered')
  })
})
