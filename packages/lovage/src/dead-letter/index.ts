export { isRejection } from './is-rejection.js'
export { listLetters } from './list-letters.js'
export type * from './store.js'
