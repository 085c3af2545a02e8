export type * from './coordination-store.js'
