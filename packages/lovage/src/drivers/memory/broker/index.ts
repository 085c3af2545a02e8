export { openMemoryBroker } from './memory-broker.js'
