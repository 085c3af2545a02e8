export type * from './coordination-store.js'
export { openCoordinationStore } from './open-coordination-store.js'
