import { keepLeases } from '../../shared/index.js'
import { isConnectionLoss, openPostgres, type PostgresOptions } from '../client/index.js'
import { sql } from './statements.js'

/** What the thread is given for a broker. */
export interface PostgresLeaseData {
  readonly url: string
  readonly options: PostgresOptions
}

keepLeases(({ url, options }: PostgresLeaseData) => {
  const database = openPostgres(url, { ...options, poolSize: 1, isolated: true })
  return {
    renew: ({ holder, leaseMs }) => database.query(sql.renew, [holder, Math.ceil(leaseMs)]),
    heldTasks: async (holder) =>
      (await database.query<{ task: string }>(sql.heldTasks, [holder])).map(({ task }) => task),
    drop: () => database.drop(),
    isOutage: isConnectionLoss,
    // A connection that cannot be ended well ends with the server's patience.
    close: () => void database.close().catch(() => {}),
  }
})
