export { openSqliteResultBackend } from './sqlite-result-backend.js'
