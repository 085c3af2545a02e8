import { keepLeases } from '../../shared/index.js'
import { isConnectionLoss, RedisConnection, type RedisTarget } from '../client/index.js'
import { readLeaseName } from './lease-name.js'
import { PlacePerQueue } from './place-per-queue.js'
import { onePlace } from './places.js'
import { type KeyOptions, RedisKeys } from './redis-keys.js'
import { RENEW } from './scripts.js'

/** What the thread is given for a broker. */
export interface RedisLeaseData {
  readonly target: RedisTarget
  readonly keyOptions: KeyOptions
}

const NAME = 'lovage:leases'

keepLeases(({ target, keyOptions }: RedisLeaseData) => {
  const { places, connection } = open(target, keyOptions)
  return {
    renew({ holder: name, leaseMs }) {
      const { holder, queue } = readLeaseName(name)
      const { connection, keys } = places.of(queue)
      return RENEW.run(connection, [keys.holders, keys.held(holder), keys.unackedIndex], [holder, leaseMs])
    },
    async heldTasks(name) {
      const { holder, queue } = readLeaseName(name)
      const { connection, keys } = places.of(queue)
      const listed = await connection.command<string[]>('hkeys', keys.held(holder))
      const tags = listed.filter((tag) => tag !== '')
      if (tags.length === 0) return []
      const values = await connection.send<(string | null)[]>('hmget', [keys.unacked, ...tags.slice(0, 20)])
      const names = values.map((value) => value?.match(/"task"\s*:\s*"([^"]+)"/)?.[1])
      return [...new Set(names.filter((name) => name !== undefined))]
    },
    drop: () => connection.drop(),
    isOutage: (error) => isConnectionLoss(error) || connection.isClosed,
    close: () => connection.close(),
  }
})

function open(target: RedisTarget, keyOptions: KeyOptions) {
  if (target.queuePrefix !== undefined) {
    const perQueue = new PlacePerQueue(target, keyOptions, NAME)
    return { places: perQueue, connection: perQueue.nodes }
  }
  const one = new RedisConnection(target, NAME)
  const keys = new RedisKeys(target.keyPrefix, target.db, keyOptions)
  return { places: onePlace({ connection: one, keys }), connection: one }
}
