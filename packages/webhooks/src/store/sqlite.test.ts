import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { inSqlite } from './in-sqlite.js'
import { openStore } from './open-store.js'
import { describeWebhookStore } from './store.suite.js'

const folder = mkdtempSync(join(tmpdir(), 'lovage-webhooks-'))
const path = join(folder, 'webhooks.db')

describeWebhookStore({
  name: 'sqlite',
  open: () => openStore(`sqlite://${path}`),
  close: async () => rmSync(folder, { recursive: true }),
  async inTransaction(work, end) {
    const database = new Database(path)
    database.exec('BEGIN IMMEDIATE')
    await work(inSqlite(database))
    database.exec(end)
    database.close()
  },
})
