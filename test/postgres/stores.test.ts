import { afterAll, beforeAll } from 'vitest'
import { describeCoordinationStore } from '../../packages/lovage/src/coordination/coordination-store.suite.js'
import { openCoordinationStore } from '../../packages/lovage/src/drivers/index.js'
import { openPostgresScheduleStore } from '../../packages/lovage/src/drivers/postgres/schedule/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { describeScheduleStore } from '../../packages/lovage/src/schedule-store/schedule-store.suite.js'
import { type PostgresServer, startPostgres } from '../servers.js'

const options = { clock: systemClock, logger: silentLogger, settings: {} }

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.stop())

/** As another process would have it: openings of one name share no connection with those of another. */
const opening = (url: string, name: string): string => `${url}?options=-cmyapp.opening%3D${name}`

describeCoordinationStore({
  name: 'PostgreSQL',
  start: async () => {
    const url = await server.createDatabase('coordination')
    let openings = 0
    return {
      open: () => openCoordinationStore(opening(url, `n${++openings}`), options),
      stop: async () => {},
    }
  },
})

describeScheduleStore({
  name: 'postgresql',
  start: async () => {
    const url = await server.createDatabase('schedule')
    let openings = 0
    return {
      open: (space) => openPostgresScheduleStore(opening(url, `n${++openings}`), space, options),
      stop: async () => {},
    }
  },
})
