export { openRedisCoordinationStore } from './redis-coordination-store.js'
