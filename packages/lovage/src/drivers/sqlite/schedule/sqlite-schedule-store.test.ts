import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeScheduleStore } from '../../../schedule-store/schedule-store.suite.js'
import { openSqliteScheduleStore } from './sqlite-schedule-store.js'

for (const isolated of [false, true]) {
  describeScheduleStore({
    name: isolated ? 'sqlite, between processes' : 'sqlite',
    start: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'lovage-schedule-'))
      const url = `sqlite://${join(folder, 'queue.db')}`
      return {
        open: (space) => openSqliteScheduleStore(url, space, { isolated }),
        stop: () => rm(folder, { recursive: true }),
      }
    },
  })
}
