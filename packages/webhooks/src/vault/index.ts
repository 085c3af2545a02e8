export { newRingKey, type RingKey, readRing, Vault } from './vault.js'
