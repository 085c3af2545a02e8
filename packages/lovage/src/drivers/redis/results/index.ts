export { openRedisResultBackend } from './redis-result-backend.js'
