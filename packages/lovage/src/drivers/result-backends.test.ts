import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { newId, silentLogger, systemClock } from '../kernel/index.js'
import { describeJoinStore } from '../result/join-store.suite.js'
import { describeResultBackend, type ResultServer } from '../result/result-backend.suite.js'
import { openResultBackend } from './index.js'

const optionsOf = (settings: Readonly<Record<string, unknown>> = {}) => ({
  clock: systemClock,
  logger: silentLogger,
  settings: { resultExpires: 86_400, ...settings },
})

const memory = {
  name: 'memory',
  start: async (): Promise<ResultServer> => {
    const url = `memory://${newId()}`
    return { open: (settings) => openResultBackend(url, optionsOf(settings)), stop: async () => {} }
  },
}

const sqlite = {
  name: 'SQLite',
  start: async (): Promise<ResultServer> => {
    const folder = mkdtempSync(join(tmpdir(), 'lovage-results-'))
    const file = join(folder, 'queue.db')
    const insert = (id: string, result: string): void => {
      const database = new Database(file, { timeout: 5000 })
      const { changes } = database
        .prepare(
          `INSERT INTO lovage_result (task_id, status, result, children, stored_ms) VALUES (?, 'SUCCESS', ?, '[]', 0)`,
        )
        .run(id, result)
      database.close()
      if (changes !== 1) throw new Error('nothing was stored')
    }
    return {
      open: (settings) => openResultBackend(`sqlite://${file}`, optionsOf(settings)),
      spoil: async (id) => insert(id, '{broken'),
      storeSilently: async ({ id, resultJson }) => insert(id, resultJson),
      stop: async () => rmSync(folder, { recursive: true }),
    }
  },
}

for (const driver of [memory, sqlite]) {
  describeResultBackend(driver)
  describeJoinStore(driver)
}
