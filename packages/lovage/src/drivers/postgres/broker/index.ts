export { openPostgresBroker } from './postgres-broker.js'
