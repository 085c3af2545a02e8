export { type AppEvents, appEvents } from './app-events.js'
export type { Answers, BroadcastOptions } from './broadcast.js'
export { Cluster, type ClusterOptions } from './cluster.js'
export { Control, type Done, revokeTasks } from './control.js'
export { Inspect, type RequestInfo, type ScheduledInfo } from './inspect.js'
export { knownQueues, type QueueReport, queueOfTasks, queueReport } from './known-queues.js'
export {
  DeadLetters,
  type LetterChoice,
  type Redrive,
  type ReportedFailure,
} from './letters/dead-letters.js'
export {
  cleanupOldDeadLetterTasks,
  type DeadLetterTask,
  getAllDeadLetterQueues,
  getDeadLetterStats,
  getDeadLetterTasks,
  inspectDeadLetterQueue,
  processDeadLetterTask,
  purgeDeadLetterQueue,
  retryDeadLetterTask,
} from './letters/functions.js'
export type { DeadLetterStats } from './letters/letter-stats.js'
export type { OpenedLetter } from './letters/open-letter.js'
export type { LetterEdit, RedriveOptions } from './letters/redrive.js'
export {
  type MigrationEnd,
  migrateMessages,
} from './migrate-messages.js'
export { type OnceOptions, once } from './once.js'
export { type OpenBreaker, openBreakers } from './open-breakers.js'
export { PAUSED } from './pause.js'
export { type Due, type OpenedTask, type QueuedTask, Queues } from './queues.js'
export { intervalOf, RATES, setRate } from './rate.js'
export { REVOKED, REVOKED_STAMPS, revoke, revokeByStamps, stampKey } from './revoke.js'
export { type EventListener, type EventOptions, watchEvents } from './watch-events.js'
