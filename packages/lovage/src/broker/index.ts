export type { Binding } from './binding.js'
export type * from './broker.js'
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
export { priorityFromWire, priorityToWire } from './wire-priority.js'
