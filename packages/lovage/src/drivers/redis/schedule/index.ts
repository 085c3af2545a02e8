export { openRedisScheduleStore } from './redis-schedule-store.js'
