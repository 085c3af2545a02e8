export * from './coordination-store.js'
export { type Lease, type LeaseWish, waitForLease } from './wait-for-lease.js'
