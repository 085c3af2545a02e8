import { openRedisScheduleStore } from '../../packages/lovage/src/beat/redis/index.js'
import { describeScheduleStore } from '../../packages/lovage/src/beat/schedule-store.suite.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { startRedis } from '../servers.js'

describeScheduleStore({
  name: 'redis',
  start: async () => {
    const redis = await startRedis()
    const options = {
      settings: { brokerTransportOptions: { global_keyprefix: 'shop:' } },
      clock: systemClock,
      logger: silentLogger,
    }
    return {
      open: async (space) => openRedisScheduleStore(`${redis.url}/3`, space, options),
      stop: () => redis.stop(),
    }
  },
})
