import { workerData } from 'node:worker_threads'
import { keepLeases, type LeaseThreadData } from '../../shared/index.js'
import { isConnectionLoss, RedisConnection, type RedisTarget } from '../client/index.js'
import { type KeyOptions, RedisKeys } from './redis-keys.js'
import { RENEW } from './scripts.js'

/** The initial data of this thread. */
export interface RedisLeaseData {
  readonly target: RedisTarget
  readonly keyOptions: KeyOptions
}

const { target, keyOptions, pulse } = workerData as RedisLeaseData & LeaseThreadData
const keys = new RedisKeys(target.keyPrefix, target.db, keyOptions)
const connection = new RedisConnection(target, 'lovage:leases')

keepLeases({
  pulse,
  renew: ({ holder, leaseMs }) =>
    RENEW.run(connection, [keys.holders, keys.held(holder), keys.unackedIndex], [holder, leaseMs]),
  async heldTasks(holder) {
    const tags = (await connection.command<string[]>('hkeys', keys.held(holder))).filter((tag) => tag !== '')
    if (tags.length === 0) return []
    const values = await connection.send<(string | null)[]>('hmget', [keys.unacked, ...tags.slice(0, 20)])
    const names = values.map((value) => value?.match(/"task"\s*:\s*"([^"]+)"/)?.[1])
    return [...new Set(names.filter((name) => name !== undefined))]
  },
  drop: () => connection.drop(),
  isOutage: (error) => isConnectionLoss(error) || connection.isClosed,
})
