import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { newId, silentLogger, systemClock } from '../kernel/index.js'
import { openResultBackend } from './index.js'
import { describeJoinStore } from './join-store.suite.js'
import { describeResultBackend, type ResultServer } from './result-backend.suite.js'

const options = { clock: systemClock, logger: silentLogger, settings: { resultExpires: 86_400 } }

const memory = {
  name: 'memory',
  start: async (): Promise<ResultServer> => {
    const url = `memory://${newId()}`
    return { open: () => openResultBackend(url, options), stop: async () => {} }
  },
}

const sqlite = {
  name: 'SQLite',
  start: async (): Promise<ResultServer> => {
    const folder = mkdtempSync(join(tmpdir(), 'lovage-results-'))
    const file = join(folder, 'queue.db')
    return {
      open: () => openResultBackend(`sqlite://${file}`, options),
      spoil: async (id) => {
        const database = new Database(file, { timeout: 5000 })
        database
          .prepare(
            "INSERT INTO lovage_result (task_id, status, result, children, stored_ms) VALUES (?, 'SUCCESS', '{broken', '[]', 0)",
          )
          .run(id)
        database.close()
      },
      stop: async () => rmSync(folder, { recursive: true }),
    }
  },
}

for (const driver of [memory, sqlite]) {
  describeResultBackend(driver)
  describeJoinStore(driver)
}
