export { type Argument, RedisConnection } from './connection.js'
export { isConnectionLoss, isRefusedForNow, isServersWord } from './errors.js'
export { parseRedisUrl, type RedisTarget } from './options.js'
export {
  offerResultWriter,
  type RedisResultWriter,
  resultWriterOf,
  STORE_RESULT_LUA,
} from './result-writer.js'
export { definedScripts, defineScript } from './script.js'
export { redisOptionsOf, transportOption, transportOptions } from './settings.js'
export { escapeGlob, RedisSubscriber } from './subscriber.js'

export { VersionWatch } from './version-watch.js'
