import { openRedisScheduleStore } from '../../packages/lovage/src/drivers/redis/schedule/index.js'
import { silentLogger, systemClock } from '../../packages/lovage/src/kernel/index.js'
import { describeScheduleStore } from '../../packages/lovage/src/schedule-store/schedule-store.suite.js'
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
