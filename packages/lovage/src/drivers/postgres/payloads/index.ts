export { openPostgresPayloadStore, PAYLOAD_MIGRATIONS } from './postgres-payload-store.js'
