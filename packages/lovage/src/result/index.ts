export { openResultBackend } from './open-result-backend.js'
export * from './result-backend.js'
