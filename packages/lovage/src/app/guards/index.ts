export { BREAKERS, LATEST, type MessageGuard, readGuard, stampOf, UNIQUE } from './guard-header.js'
export { guardKey } from './guard-key.js'
export { guardOf, sendAllGuarded, sendGuarded } from './send-guarded.js'
