export { openPostgresResultBackend } from './postgres-result-backend.js'
