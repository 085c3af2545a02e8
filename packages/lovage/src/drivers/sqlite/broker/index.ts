export { openSqliteBroker } from './sqlite-broker.js'
