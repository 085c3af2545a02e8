export { openMemoryResultBackend } from './memory-result-backend.js'
