export { type Binding, bindingOf, route } from './binding.js'
export type * from './broker.js'
export { delegate } from './delegate.js'
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
export { type Hear, safeListener } from './safe-listener.js'
export { matchesTopic } from './topic.js'
export { priorityFromWire, priorityToWire } from './wire-priority.js'
export { withBroadcast } from './with-broadcast.js'
export { withDeadLetters } from './with-dead-letters.js'
