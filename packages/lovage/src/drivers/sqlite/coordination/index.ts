export { openSqliteCoordinationStore } from './sqlite-coordination-store.js'
