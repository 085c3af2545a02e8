export { Attempter } from './attempter.js'
export { Batcher } from './batcher.js'
export { type Delivered, Deliverer, type DelivererParts } from './deliverer.js'
