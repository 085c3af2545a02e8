import { createHash } from 'node:crypto'
import { failure } from '../app/running/index.js'
import {
  type AnyTask,
  hideArguments,
  type Outcome,
  type TaskContext,
  TimeLimitExceeded,
} from '../app/tasks/index.js'
import type { Delivery, Settlement } from '../broker/index.js'
import type { DeadLetter, DeadLetterReason } from '../dead-letter/index.js'
import {
  type ExceptionInfo,
  encodeJson,
  type IncomingMessage,
  type OutgoingMessage,
  redrivesOf,
  type Serializer,
  type TaskMessage,
} from '../message/index.js'
import type { ExtendedResult, ResultRecord, ResultTuple, TaskState } from '../result/index.js'
import { type FollowUp, type FollowUps, NO_FOLLOW_UP } from './follow-ups.js'
import { replyOf } from './reply-of.js'
import { retryMessage } from './retry-message.js'

/** The consequences of an outcome, in the required order: publish, store, then release. */
export interface SettlePlan {
  /** Messages that continue where this task ends: a retry, callbacks, the next step. */
  readonly publish: readonly OutgoingMessage[]
  readonly results: readonly ResultRecord[]
  /** The canvas's part: chords to open and to count, errbacks to call. */
  readonly followUp?: FollowUp
  /** Absent when the message was acknowledged before the run. */
  readonly settlement?: Settlement
  /** The dead letter of such a message. */
  readonly letter?: DeadLetter
  /** For logs and signals; null = no state is stored. */
  readonly state: TaskState | null
}

/** The inputs of a plan. */
export interface Finished {
  readonly delivery: Delivery
  readonly message: IncomingMessage
  readonly call: TaskMessage
  readonly context: TaskContext
  readonly outcome: Outcome
  readonly ackedEarly: boolean
  readonly nowMs: number
}

/** The worker, as a plan sees it. */
export interface PlanSettings {
  readonly hostname: string
  readonly storesResults: boolean
  readonly resultExtended: boolean
  /** Whether the broker keeps an ETA from the start (`dueMs`). */
  readonly delayAtPublish: boolean
  readonly followUps: FollowUps
  /** Protects rewritten bodies, according to their previous content type. */
  readonly signerOf?: (contentType: string) => Serializer | undefined
}

/**
 * A lost run has failed if its message cannot or must not go back. A run over its hard limit goes back, as a lost one does, where
 * timeouts are not acknowledged; the last one has failed.
 */
export function finalOutcome(
  task: Pick<AnyTask, 'options'>,
  outcome: Outcome,
  { ackedEarly, redeliveries }: { readonly ackedEarly: boolean; readonly redeliveries: number },
): Outcome {
  const { acksOnTimeout, rejectOnWorkerLost } = task.options
  if (outcome.kind === 'lost' && (ackedEarly || rejectOnWorkerLost === false))
    return failure(task, outcome.error)
  const isLate = outcome.kind === 'failure' && outcome.error instanceof TimeLimitExceeded
  return isLate && acksOnTimeout === false && !ackedEarly && redeliveries < MAX_REDELIVERIES
    ? { kind: 'lost', error: outcome.error }
    : outcome
}

/** Lost holders after which a message is judged to kill its workers. */
export const MAX_REDELIVERIES = 3

/** Determines what follows from an outcome. Pure. */
export function planSettlement(finished: Finished, settings: PlanSettings): SettlePlan {
  const { outcome, delivery, ackedEarly, context } = finished
  const release = (settlement: Settlement): Pick<SettlePlan, 'settlement' | 'letter'> => {
    if (!ackedEarly) return { settlement }
    return settlement.kind === 'dead-letter' ? { letter: settlement.letter } : {}
  }
  const ack: Settlement = { tag: delivery.tag, kind: 'ack' }
  switch (outcome.kind) {
    case 'success': {
      const next = afterSuccess(finished, outcome, settings)
      if ('kind' in next) return planSettlement({ ...finished, outcome: next }, settings)
      const { value, json } = outcome
      return {
        publish: following(finished, next.publish),
        results: storesSuccess(finished, settings)
          ? [record(finished, settings, 'SUCCESS', value, json, null, next.children)]
          : [],
        ...release(ack),
        ...(next === NO_FOLLOW_UP ? {} : { followUp: next }),
        state: 'SUCCESS',
      }
    }
    case 'retry': {
      const publish = [retryMessage(finished, outcome, settings)]
      const json = outcome.exception === null ? 'null' : encodeJson(outcome.exception)
      const results = storesSuccess(finished, settings)
        ? [record(finished, settings, 'RETRY', outcome.exception, json, outcome.traceback)]
        : []
      return { publish, results, ...release(ack), state: 'RETRY' }
    }
    case 'failure': {
      const { deadLetter = 'exhausted' } = context.task.options
      const isLetter =
        deadLetter === 'failures' ||
        (deadLetter === 'exhausted' && context.retries > 0 && !outcome.expected) ||
        (deadLetter !== 'never' && !acksFailure(context.task, outcome.error))
      const error = {
        type: outcome.exception.exc_type,
        message: textOf(outcome.exception.exc_message),
        traceback: outcome.traceback,
      }
      return {
        ...failed(finished, outcome, settings),
        ...release(isLetter ? bury(finished, 'failed', error, settings) : ack),
      }
    }
    case 'lost':
      return {
        publish: [],
        results: [],
        settlement: { tag: delivery.tag, kind: 'requeue', counts: true },
        state: null,
      }
    case 'replace': {
      const next = replacement(finished, outcome, settings)
      if ('kind' in next) return planSettlement({ ...finished, outcome: next }, settings)
      return {
        publish: following(finished, next.publish),
        results: [],
        ...release(ack),
        followUp: next,
        state: null,
      }
    }
    case 'ignore':
      return { publish: [], results: [], ...release(ack), state: null }
    case 'reject': {
      const { requeue, message, traceback } = outcome
      if (requeue) {
        const back = release({ tag: delivery.tag, kind: 'requeue', counts: false })
        return { publish: [], results: [], ...back, state: null }
      }
      // It will never run again: those who wait are told, as by Celery since 5.7.
      const exception = { exc_type: 'Reject', exc_message: [message, false], exc_module: 'celery.exceptions' }
      const letter = bury(finished, 'rejected', { type: 'Reject', message, traceback }, settings)
      return {
        ...failed(finished, { exception, traceback }, settings),
        ...release(context.task.options.deadLetter === 'never' ? ack : letter),
      }
    }
  }
}

/** The consequences of an end without a value, except for its message. */
function failed(
  finished: Finished,
  { exception, traceback }: { readonly exception: ExceptionInfo; readonly traceback: string },
  settings: PlanSettings,
): SettlePlan {
  const next = settings.followUps.failure(finished.call, exception, traceback)
  const own = storesErrors(finished, settings)
    ? [record(finished, settings, 'FAILURE', exception, encodeJson(exception), traceback)]
    : []
  return {
    publish: following(finished, next.publish),
    results: [...own, ...next.results],
    ...(next === NO_FOLLOW_UP ? {} : { followUp: next }),
    state: 'FAILURE',
  }
}

/** Whether the message of a task that failed so is acknowledged: the particular option, else the joint one. */
function acksFailure({ options }: Pick<AnyTask, 'options'>, error: unknown): boolean {
  const { acksOnFailure, acksOnTimeout, acksOnFailureOrTimeout = true } = options
  return (error instanceof TimeLimitExceeded ? acksOnTimeout : acksOnFailure) ?? acksOnFailureOrTimeout
}

/** Headers that carry a trace, in case its middleware ran in a child: follow-ups are then siblings of the run, not its children. */
const TRACE_HEADERS = ['traceparent', 'tracestate', 'baggage']

/** Messages that continue where a task ends take along the headers that middleware set for them. */
function following(
  { context: { followHeaders }, message }: Finished,
  messages: readonly OutgoingMessage[],
): readonly OutgoingMessage[] {
  if (messages.length === 0) return messages
  const { headers } = message
  const own = TRACE_HEADERS.flatMap((name) => (name in headers ? [[name, headers[name]] as const] : []))
  const more = followHeaders?.() ?? Object.fromEntries(own)
  return Object.keys(more).length === 0
    ? messages
    : messages.map((one) => ({ ...one, headers: { ...one.headers, ...more } }))
}

/** The consequences of a success; a task whose callbacks cannot be sent has failed. */
function afterSuccess(
  { call, context }: Finished,
  { value, json }: Extract<Outcome, { kind: 'success' }>,
  { followUps }: PlanSettings,
): FollowUp | Outcome {
  try {
    return followUps.success(call, value, json)
  } catch (error) {
    return failure(context.task, error)
  }
}

/** The replacement of a task; a task whose replacement cannot be sent has failed. */
function replacement(
  { call, context }: Finished,
  { canvas }: Extract<Outcome, { kind: 'replace' }>,
  { followUps }: PlanSettings,
): FollowUp | Outcome {
  try {
    return followUps.replaced(call, canvas, context.replyTo)
  } catch (error) {
    return failure(context.task, error)
  }
}

function bury(
  { delivery, context, nowMs }: Finished,
  reason: DeadLetterReason,
  error: DeadLetter['error'],
  { hostname }: PlanSettings,
): Settlement {
  return {
    tag: delivery.tag,
    kind: 'dead-letter',
    letter: letterOf(delivery, {
      reason,
      error,
      hostname,
      nowMs,
      taskId: context.id,
      task: context.name,
      retries: context.retries,
    }),
  }
}

/** Ends of a run: a task has one for each attempt. Everything else concerns the bytes of one message. */
const ENDS_OF_A_RUN: ReadonlySet<DeadLetterReason> = new Set(['failed', 'rejected', 'worker-lost'])

/** A dead letter for a delivery, under an id that a repetition of the same end generates again. */
export function letterOf(
  delivery: Delivery,
  facts: {
    readonly reason: DeadLetterReason
    readonly error: DeadLetter['error']
    readonly hostname: string
    readonly nowMs: number
    readonly taskId: string | null
    readonly task: string | null
    readonly retries: number
  },
): DeadLetter {
  const { reason, error, hostname: worker, nowMs: failedMs, taskId, task, retries } = facts
  const { queue, redeliveries, raw } = delivery
  const { message } = delivery
  const redrives = message instanceof Error ? 0 : redrivesOf(message.headers)
  // A redriven task may fail before the letter that it came from is removed, and an id may be given to calls of different content: each
  // is a separate letter. Whatever brokers change in a redelivered message, its body stays the same.
  const isRun = ENDS_OF_A_RUN.has(reason) && !(message instanceof Error)
  const attempt = `${taskId ?? 'message'}.${retries}.${digestOf(isRun ? message.body : raw)}`
  return {
    id: redrives === 0 ? attempt : `${attempt}.again${redrives}`,
    taskId,
    task,
    queue,
    reason,
    error,
    retries,
    redeliveries,
    worker,
    failedMs,
    raw,
  }
}

const storesSuccess = ({ context }: Finished, { storesResults }: PlanSettings): boolean =>
  storesResults && !context.ignoreResult

function storesErrors({ context }: Finished, { storesResults }: PlanSettings): boolean {
  return storesResults && (!context.ignoreResult || context.task.options.storeErrorsEvenIfIgnored === true)
}

function record(
  finished: Finished,
  settings: PlanSettings,
  state: TaskState,
  result: unknown,
  resultJson: string,
  traceback: string | null = null,
  children: readonly ResultTuple[] = [],
): ResultRecord {
  const { context, nowMs } = finished
  return {
    id: context.id,
    state,
    result,
    resultJson,
    traceback,
    children: children.length === 0 ? context.children : [...context.children, ...children],
    dateDone: state === 'RETRY' ? null : new Date(nowMs).toISOString(),
    ...(context.groupId === null ? {} : { groupId: context.groupId }),
    ...(context.parentId === null ? {} : { parentId: context.parentId }),
    ...replyOf(context),
    ...(settings.resultExtended ? { extended: extendedOf(context, settings.hostname) } : {}),
  }
}

/** The fields that `resultExtended` adds to a result. */
export function extendedOf(context: TaskContext, worker: string): ExtendedResult {
  const { name, retries, deliveryInfo, stamps, task } = context
  const { args, kwargs } = hideArguments({ redact: context.redact, params: task.definition?.params }, context)
  return {
    name,
    args,
    kwargs,
    worker,
    retries,
    queue: deliveryInfo.routingKey,
    ...(Object.keys(stamps).length > 0 ? { stamps } : {}),
  }
}

/** Distinguishes messages that claim the same task id: none of them may replace another. */
const digestOf = (raw: Buffer | string): string => createHash('sha1').update(raw).digest('hex').slice(0, 16)

const textOf = (message: readonly unknown[] | string): string =>
  typeof message === 'string' ? message : message.map(String).join(', ')
