export { openPostgresCoordinationStore } from './postgres-coordination-store.js'
