export { listLetters } from './list-letters.js'
export type * from './store.js'
