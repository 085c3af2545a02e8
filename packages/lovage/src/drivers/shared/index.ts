export type * from './driver.js'
export * from './keep-leases.js'
export * from './lease-keeper.js'
export type * from './lease-protocol.js'
