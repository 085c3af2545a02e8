import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { describeBroker } from '../../../broker/broker.suite.js'
import { silentLogger, systemClock } from '../../../kernel/index.js'
import { openResultBackend } from '../../index.js'
import { openSqliteBroker } from './index.js'

describeBroker({
  name: 'sqlite',
  start: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lovage-broker-'))
    const file = join(folder, 'queue.db')
    const url = `sqlite://${file}?lockTimeoutMs=1000`
    const options = { clock: systemClock, logger: silentLogger, settings: {} }
    /** As another program with the file open would do it. */
    const execute = (sql: string, ...parameters: unknown[]): void => {
      const database = new Database(file, { timeout: 5000 })
      try {
        database.prepare(sql).run(...parameters)
      } finally {
        database.close()
      }
    }
    return {
      open: () => openSqliteBroker(url, options),
      openResults: () => openResultBackend(url, options),
      restart: async () => {},
      interrupt: async () => {
        const database = new Database(file, { timeout: 5000 })
        database.exec('BEGIN IMMEDIATE')
        await new Promise((resolve) => setTimeout(resolve, 2000))
        database.exec('ROLLBACK')
        database.close()
      },
      publishRaw: async (queue, raw) =>
        execute(
          'INSERT INTO lovage_message (queue, level, place, due_ms, state, raw) VALUES (?, 0, 0, 0, 0, ?)',
          queue,
          raw,
        ),
      expireLease: async (holder) =>
        execute('UPDATE lovage_message SET lease_ms = 0 WHERE holder = ?', holder),
      stop: async () => rmSync(folder, { recursive: true }),
    }
  },
})
