export { type MemoryDeadLetters, memoryDeadLetters } from './memory/memory-dead-letters.js'
export type { LetterRow } from './sqlite/program.js'
export { letterRow, sqliteDeadLetters } from './sqlite/sqlite-dead-letters.js'
export type * from './store.js'
