export { advanced } from './advanced.js'
export * from './entry.js'
export type * from './schedule-store.js'
