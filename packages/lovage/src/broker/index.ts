export type * from './broker.js'
export { openBroker } from './open-broker.js'
export {
  broadcast,
  checkQueue,
  type ExchangeType,
  Queue,
  type QueueOptions,
  queueArguments,
  unkeptArguments,
  workerDirect,
} from './queue.js'
