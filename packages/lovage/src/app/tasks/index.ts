export type { AnyTask, TaskDefinition } from './any-task.js'
export { bindNamed, bindPositional } from './arguments.js'
export type { Call } from './call.js'
export type { Caller } from './caller.js'
export { toCall, toWireOptions } from './canvas/call-options.js'
export { chain, chord, chunks, type GroupOptions, GroupStream, group, map, starmap } from './canvas/canvas.js'
export { type AnySignature, Signature } from './canvas/signature.js'
export type { StampingVisitor, Stamps } from './canvas/stamps.js'
export type {
  Fitting,
  GivenOf,
  GroupOut,
  LeadFor,
  LeadOfAll,
  Missing,
  NamedLead,
  Prefixes,
  Settled,
  Suffixes,
} from './canvas/types.js'
export { checkAnnotation, checkUntypedCall } from './check-options.js'
export {
  currentContext,
  type DeliveryInfo,
  inContext,
  newContext,
  type RunEnvironment,
  type RunningTask,
  TaskContext,
} from './context.js'
export { type Contract, contract, type NamedContract } from './contract.js'
export type {
  ArgumentsOf,
  KeyArgumentsOf,
  NamedTask,
  NamesOf,
  PositionalTask,
  ResultOf,
  UntypedCall,
} from './definitions.js'
export {
  type Breaker,
  breakerOf,
  type CallGuard,
  type CircuitBreakerOptions,
  callGuardOf,
  type GuardKey,
  type GuardOptions,
  type Keyed,
  type PeriodOptions,
  type UniqueOptions,
} from './guard-options.js'
export { type BatchCall, type BatchOptions, inBatches } from './in-batches.js'
export { compose, type Middleware, type Next, type PublishContext, type RunContext } from './middleware.js'
export type { Outcome } from './outcome.js'
export { hideArguments, hideByName, scrubError, shownArguments, shownResult } from './redaction.js'
export { TaskRegistry } from './registry.js'
export { type InputOf, type OutputOf, type Schema, unchecked } from './schema.js'
export {
  Ignore,
  isSignal,
  Reject,
  Replace,
  Retry,
  type RetryRequest,
  type Signal,
  type TaskSignal,
} from './signals.js'
export type { Cursor, StepStore } from './steps.js'
export {
  pythonModule,
  SoftTimeLimitExceeded,
  TaskAbortedError,
  TimeLimitExceeded,
  WorkerLostError,
} from './stop-reasons.js'
export { type ApplyArgs, type BulkCall, type DelayArgs, Task } from './task.js'
export type { TaskHandlers } from './task-handlers.js'
export type {
  AnnotatedTask,
  CallOptions,
  ConcurrencyLimit,
  ErrorClass,
  PublishRetryPolicy,
  TaskAnnotations,
  TaskOptions,
} from './task-options.js'
export { sortParts, type TaskParts } from './task-parts.js'
