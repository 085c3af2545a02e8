export type * from './broker.js'
export { openBroker } from './open-broker.js'
export type { ExchangeType, Queue } from './queue.js'
