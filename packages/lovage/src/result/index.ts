export type * from './join-store.js'
export { leavesOf, readTuple } from './read-tuple.js'
export * from './result-backend.js'
export type { ResultTuple } from './task-result.js'
