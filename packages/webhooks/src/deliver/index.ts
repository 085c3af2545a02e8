export { Attempter } from './attempter.js'
export { type Delivered, Deliverer, type DelivererParts } from './deliverer.js'
