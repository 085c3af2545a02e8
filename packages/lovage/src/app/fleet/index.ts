export { type Answers, ask, type BroadcastOptions, namesakes, tell } from './broadcast.js'
export { Cluster, type ClusterOptions } from './cluster.js'
export { freeKeysOf, freeRevoked } from './free-keys.js'
export {
  type DesertedQueue,
  desertedQueues,
  type FullQueueReport,
  fullQueueReport,
  knownQueues,
  neededQueues,
  type QueueReport,
  queueOfTasks,
  queueReport,
} from './known-queues.js'
export { countLetters, type DeadLetterStats } from './letter-stats.js'
export { messageIn } from './message-in.js'
export { type OnceOptions, once } from './once.js'
export { type OpenBreaker, openBreakers } from './open-breakers.js'
export { type OpenedLetter, openLetter } from './open-letter.js'
export { PAUSED, pausedQueues, pauseQueues, resumeQueues } from './pause.js'
export { purgeQueue } from './purge-queue.js'
export { ALL_LINES, LINES, RATES, renewLines, setRate } from './rate.js'
export {
  describeRedelivered,
  forgetRedelivered,
  noteRedelivered,
  type RedeliveredTask,
  redeliveredTasks,
} from './redelivered.js'
export {
  editedMessage,
  type LetterEdit,
  type Redriven,
  type RedriveOptions,
  redrive,
  redriveMessage,
} from './redrive.js'
export { REVOKED, REVOKED_STAMPS, rememberRevoked, revoke, revokeByStamps, stampKey } from './revoke.js'
export { revokeStamped, revokeTasks } from './revoke-tasks.js'
export {
  type EventListener,
  type EventMessage,
  type EventOptions,
  type EventReceiver,
  listenToEvents,
  readEvents,
  receiveEvents,
  watchEvents,
} from './watch-events.js'
export { whereAgreed } from './where-agreed.js'
