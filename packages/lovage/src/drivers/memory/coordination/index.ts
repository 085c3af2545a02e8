export { openMemoryCoordinationStore } from './memory-coordination-store.js'
