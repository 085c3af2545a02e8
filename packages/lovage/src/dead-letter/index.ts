export { type MemoryDeadLetters, memoryDeadLetters } from './memory/memory-dead-letters.js'
export type * from './store.js'
