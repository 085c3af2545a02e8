import { workerData } from 'node:worker_threads'
import { keepLeases, type LeaseThreadData } from '../../shared/index.js'
import { isConnectionLoss, openPostgres, type PostgresOptions } from '../client/index.js'
import { sql } from './statements.js'

/** The initial data of this thread. */
export interface PostgresLeaseData {
  readonly url: string
  readonly options: PostgresOptions
}

const { url, options, pulse } = workerData as PostgresLeaseData & LeaseThreadData
const database = openPostgres(url, { ...options, poolSize: 1, isolated: true })

keepLeases({
  pulse,
  renew: ({ holder, leaseMs }) => database.query(sql.renew, [holder, Math.ceil(leaseMs)]),
  heldTasks: async (holder) =>
    (await database.query<{ task: string }>(sql.heldTasks, [holder])).map(({ task }) => task),
  drop: () => database.drop(),
  isOutage: isConnectionLoss,
})
