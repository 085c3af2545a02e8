export { Asker } from './asker.js'
export { ClusterMap } from './cluster-map.js'
export { ClusterNodes } from './cluster-nodes.js'
export { isConnectionLoss, isRefusedForNow, isServersWord } from './errors.js'
export { inTime } from './in-time.js'
export { parseRedisUrl, patient, queueTarget, type RedisTarget } from './options.js'
export { type Argument, RedisConnection } from './redis-connection.js'
export type { RedisLink } from './redis-link.js'
export { escapeGlob, RedisSubscriber } from './redis-subscriber.js'
export {
  offerResultWriter,
  type RedisResultWriter,
  resultWriterOf,
  STORE_RESULT_LUA,
} from './result-writer.js'
export { definedScripts, defineScript } from './script.js'
export type { ServerAddress } from './server-finder.js'
export { redisOptionsOf, transportOption, transportOptions } from './settings.js'

export { VersionWatch } from './version-watch.js'
