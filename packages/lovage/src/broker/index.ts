export type * from './broker.js'
export type { ExchangeType, Queue } from './queue.js'
