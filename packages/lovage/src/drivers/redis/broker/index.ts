export { openRedisBroker } from './redis-broker.js'
