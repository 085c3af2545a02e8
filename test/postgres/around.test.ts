import { symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { importProgram, readGuide } from '../guides/guide.js'
import { type PostgresServer, startPostgres } from '../servers.js'

const SENDS = `
import { startWorker } from 'lovage'
import { app, bill } from './bills.js'

const worker = await startWorker(app, {})
await (await bill.delay(7)).get({ timeout: 60 })
const failure = await (await bill.delay(-1)).get({ timeout: 60 }).then(() => 'none', (error: Error) => error.message)
console.log(failure)
await worker.stop()
await app.close()
`

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
  await server.sql('CREATE TABLE bills (order_id int PRIMARY KEY)')
})
afterAll(() => server?.stop())

test('what a run has written in the transaction around it is gone when it throws', {
  timeout: 90_000,
}, async () => {
  using shop = readGuide('../operate/postgresql.md').makeShop()
  shop.write({ 'sends.ts': SENDS })
  symlinkSync(fileURLToPath(new URL('../../node_modules/pg', import.meta.url)), shop.path('node_modules/pg'))
  process.env.DATABASE_URL = server.url()
  const { code, stdout, stderr } = await importProgram(shop, 'sends.ts')
  expect({ code, stdout }, stderr).toEqual({
    code: 0,
    stdout: expect.stringContaining('there is no order -1'),
  })
  expect(stderr).toContain('shop.bill has failed for good')
  expect(await server.sql('SELECT order_id FROM bills')).toEqual(['7'])
})
