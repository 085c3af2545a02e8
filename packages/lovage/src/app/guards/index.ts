export { claimAgain, confirmRelayed } from './confirm-relayed.js'
export {
  BREAKERS,
  GUARD_HEADER,
  LATEST,
  LATEST_KEPT_MS,
  type MessageGuard,
  pendingValue,
  readGuard,
  stampOf,
  UNIQUE,
} from './guard-header.js'
export { guardKey } from './guard-key.js'
export { putLatest } from './put-latest.js'
export { guardOf, sendAllGuarded, sendGuarded } from './send-guarded.js'
