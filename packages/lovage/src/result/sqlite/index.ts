export { toRow } from './result-row.js'
export { openSqliteResultBackend } from './sqlite-result-backend.js'
