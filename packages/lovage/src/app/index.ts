export {
  ClusterState,
  type ClusterStateOptions,
  type Event,
  type EventFields,
  isLate,
  readTaskEvent,
  type SeenTask,
  type SeenWorker,
  type TaskChoice,
  type TaskEvent,
  type TaskFacts,
  type ToldState,
} from '../events/index.js'
export type { AnyResult } from './any-result.js'
export type { AppEvents } from './app-events.js'
export { type AppSignals, SignalBoard, type SignalName } from './app-signals.js'
export {
  AsyncResult,
  errorOf,
  type GetOptions,
  type ResultHost,
  type RevokeOptions,
} from './async-result.js'
export type { Answers, BroadcastHost, BroadcastOptions } from './broadcast.js'
export type { Call } from './call.js'
export { toCall } from './canvas/call-options.js'
export { chain, chord, chunks, type GroupOptions, GroupStream, group, map, starmap } from './canvas/canvas.js'
export { GroupResult } from './canvas/group-result.js'
export { type GraphNode, type GraphOptions, ResultGraph } from './canvas/result-graph.js'
export { noChords, toJoins } from './canvas/send-canvas.js'
export { type AnySignature, type CanvasHost, Signature } from './canvas/signature.js'
export type { StampingVisitor, Stamps } from './canvas/stamps.js'
export type { GivenOf, GroupOut, LeadFor, LeadOfAll, Settled } from './canvas/types.js'
export { priorityFromWire, priorityToWire } from './canvas/wire-priority.js'
export type { Cluster, ClusterOptions } from './cluster.js'
export {
  currentContext,
  type DeliveryInfo,
  inContext,
  newContext,
  type RunEnvironment,
  TaskContext,
} from './context.js'
export { type Contract, contract, type NamedContract } from './contract.js'
export { Control, type ControlCommand, type Done } from './control.js'
export type { AppOptions, NamedTask, PositionalTask, UntypedCall } from './definitions.js'
export type { DeployCheck } from './deploy-check.js'
export type { EagerResult } from './eager-result.js'
export { BREAKERS, LATEST, type MessageGuard, readGuard, stampOf, UNIQUE } from './guards/guard-header.js'
export { guardKey } from './guards/guard-key.js'
export {
  type Breaker,
  breakerOf,
  type CircuitBreakerOptions,
  type GuardOptions,
  type PeriodOptions,
  type UniqueOptions,
} from './guards/guard-options.js'
export { getOpenBreakers, type OpenBreaker } from './guards/open-breakers.js'
export { type BatchCall, type BatchOptions, inBatches } from './in-batches.js'
export { Inspect, type RequestInfo, type ScheduledInfo } from './inspect.js'
export { isLovage } from './is-lovage.js'
export { knownQueues, type QueueReport, queueOfTasks, queueReport } from './known-queues.js'
export {
  type DeadLetterHost,
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
  type WithDeadLetters,
} from './letters/functions.js'
export type { DeadLetterStats } from './letters/letter-stats.js'
export type { OpenedLetter } from './letters/open-letter.js'
export type { LetterEdit, RedriveOptions } from './letters/redrive.js'
export { Lovage } from './lovage.js'
export { compose, type Middleware, type Next, type PublishContext, type RunContext } from './middleware.js'
export {
  type Migration,
  type MigrationEnd,
  type MigrationOptions,
  migrateMessages,
} from './migrate-messages.js'
export type { OnceOptions } from './once.js'
export type { Outcome } from './outcome.js'
export { PAUSED } from './pause.js'
export type { AddPeriodicTask, PeriodicOptions } from './periodic-tasks.js'
export type { Progress, ProgressOptions } from './progress.js'
export { type Due, type OpenedTask, type QueuedTask, Queues } from './queues.js'
export { intervalOf, RATES, setRate } from './rate.js'
export { hideArguments, shownResult } from './redaction.js'
export { TaskRegistry } from './registry.js'
export { type JoinOptions, ResultSet } from './result-set.js'
export { backoffSeconds, type RetryDice } from './retry.js'
export { type RetriedRun, retryMessage } from './retry-message.js'
export { REVOKED, REVOKED_STAMPS, revoke, revokeByStamps, stampKey } from './revoke.js'
export {
  type Route,
  type RouteFunction,
  type RoutePair,
  Router,
  type Routes,
  type RouteTarget,
} from './router.js'
export { failure, run } from './run.js'
export { type InputOf, type OutputOf, type Schema, unchecked } from './schema.js'
export { acceptOf, signerOf } from './security.js'
export {
  SETTINGS,
  type SettingName,
  type Settings,
  type SettingsInput,
} from './settings/index.js'
export {
  Ignore,
  Reject,
  Replace,
  Retry,
  type RetryRequest,
  type Signal,
} from './signals.js'
export type { Cursor, StepStore } from './steps.js'
export {
  SoftTimeLimitExceeded,
  TaskAbortedError,
  TimeLimitExceeded,
  WorkerLostError,
} from './stop-reasons.js'
export {
  type AnyTask,
  type BulkCall,
  type DelayArgs,
  Task,
  type TaskDefinition,
  type TaskHost,
} from './task.js'
export type { TaskHandlers } from './task-handlers.js'
export type {
  CallOptions,
  ConcurrencyLimit,
  ErrorClass,
  PublishRetryPolicy,
  TaskAnnotations,
  TaskOptions,
} from './task-options.js'
export { type Sending, toMessage } from './to-message.js'
export type { WaitOptions } from './until-ready.js'
export type { EventListener, EventOptions } from './watch-events.js'
export type { StepWorker, WorkerStep } from './worker-step.js'
