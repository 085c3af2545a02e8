import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeCoordinationStore } from '../coordination/coordination-store.suite.js'
import { newId, silentLogger, systemClock } from '../kernel/index.js'
import { openCoordinationStore } from './index.js'

const options = { clock: systemClock, logger: silentLogger, settings: {} }

describeCoordinationStore({
  name: 'memory',
  start: async () => {
    const url = `memory://${newId()}`
    return { open: () => openCoordinationStore(url, options), stop: async () => {} }
  },
})

describeCoordinationStore({
  name: 'SQLite',
  start: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lovage-coordination-'))
    return {
      open: () => openCoordinationStore(`sqlite://${join(folder, 'queue.db')}`, options),
      stop: async () => rmSync(folder, { recursive: true }),
    }
  },
})
