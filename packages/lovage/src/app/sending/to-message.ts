import type { Broker, Queue } from '../../broker/index.js'
import { ConfigurationError, growingMs, newTaskId } from '../../kernel/index.js'
import {
  ENCRYPTED_TYPE,
  encodeTask,
  formatTime,
  LIFE_HEADER,
  type OutgoingMessage,
  type TaskCall,
} from '../../message/index.js'
import type { AppCore } from '../core/index.js'
import type { Router, RouteTarget } from '../routing/index.js'
import {
  type Call,
  type CallOptions,
  shownArguments,
  type TaskContext,
  type TaskOptions,
} from '../tasks/index.js'
import { serializerOf } from './security.js'

/** An app, as far as building messages is concerned; `replyTo` is the reply address for calls that name none. */
type MessageSettings = Pick<AppCore, 'conf' | 'clock' | 'router' | 'tasks'> &
  Partial<Pick<AppCore, 'replyTo'>>

/** A call that has become a message. */
export interface Sending {
  readonly id: string
  readonly message: OutgoingMessage
  readonly queue: Queue | undefined
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

/** The message of a call, its destination decided: call before task before route before settings. */
export function toMessage(
  { task, args, kwargs, options, defaults, params, embed, wire }: Call,
  { conf, clock, router, tasks, replyTo }: MessageSettings,
  { capabilities }: Broker,
  parent: TaskContext | undefined,
): Sending {
  const id = options.taskId ?? newTaskId()
  const nowMs = clock.now()
  const route = router.route(task, args, kwargs, ownTarget(options, defaults, router))
  const call: Writable<TaskCall> = {
    task,
    id,
    args,
    kwargs,
    sentMs: nowMs,
    rootId: options.rootId ?? parent?.rootId ?? id,
    parentId: options.parentId ?? parent?.id ?? null,
    deliveryMode: options.deliveryMode ?? (conf.taskDefaultDeliveryMode === 'persistent' ? 2 : 1),
    exchange: route.exchange,
    routingKey: route.routingKey,
  }
  if (embed) call.embed = embed
  if (wire) Object.assign(call, wire)
  const dueMs = dueAt(options, nowMs)
  if (dueMs !== undefined) {
    call.eta = formatTime(dueMs)
    if (capabilities.delayAtPublish || (options.delay === 'store' && capabilities.durableDelay))
      call.dueMs = dueMs
  }
  const expiresMs = sooner(
    expiresAt(options.expires ?? defaults.expires, nowMs),
    waitsUntil(route.queue, Math.max(nowMs, dueMs ?? 0)),
  )
  if (expiresMs !== undefined) call.expires = formatTime(expiresMs)
  const hard = options.timeLimit ?? defaults.timeLimit
  const soft = options.softTimeLimit ?? defaults.softTimeLimit
  if (hard !== undefined || soft !== undefined) call.timeLimit = checkedLimits(task, hard, soft)
  const priority =
    route.priority ?? (conf.taskInheritParentPriority ? parent?.deliveryInfo.priority : undefined)
  if (priority !== undefined && priority !== null) call.priority = priority
  if (options.retries !== undefined) call.retries = options.retries
  if (options.shadow !== undefined) call.shadow = options.shadow
  const known = tasks.get(task)
  call.ignoreResult =
    options.ignoreResult ??
    known?.options.ignoreResult ??
    defaults.ignoreResult ??
    (conf.taskIgnoreResult || null)
  const serializer = serializerOf(conf, options.serializer ?? defaults.serializer ?? conf.taskSerializer)
  const isEncrypted = typeof serializer !== 'string' && serializer.contentType === ENCRYPTED_TYPE
  // Content that is confidential in the body must not be readable in a header.
  const redact = isEncrypted ? true : (known?.options.redact ?? defaults.redact)
  const names = params ?? known?.definition.params
  if (redact || names) Object.assign(call, shownArguments({ redact, params: names }, { args, kwargs }))
  if (options.argsrepr !== undefined) call.argsRepr = options.argsrepr
  if (options.kwargsrepr !== undefined) call.kwargsRepr = options.kwargsrepr
  if (options.groupId !== undefined) call.group = options.groupId
  if (options.groupIndex !== undefined) call.groupIndex = options.groupIndex
  if (options.headers !== undefined) call.headers = options.headers
  // Chosen by the caller: canvases and schedules generate ids of their own, which recur only for the same work.
  if (options.taskId !== undefined && options.rootId === undefined && !options.once)
    call.headers = { ...call.headers, [LIFE_HEADER]: growingMs(clock) }
  const answerTo = options.replyTo ?? replyTo
  if (answerTo !== undefined) call.replyTo = answerTo
  const message = encodeTask(call, {
    serializer,
    // Encrypted content does not compress.
    compression: isEncrypted
      ? null
      : (options.compression ?? defaults.compression ?? conf.taskCompression ?? null),
    jsonTypes: conf.jsonTypes,
    // This app's tasks are run by workers that read integers as this app does; other workers may read more.
    integers: known ? conf.integers : 'bigint',
    ...(conf.integers === 'number' ? { readsNumbers: (name: string) => tasks.has(name) } : {}),
    maxBytes: conf.messageMaxBytes,
    maxInflatedBytes: conf.messageMaxDecompressedBytes,
    nowMs,
  })
  const { once } = options
  return { id, message: once ? { ...message, once } : message, queue: route.queue }
}

const NO_TARGET: RouteTarget = {}

/** The destination options of call and task, the call's winning. */
function ownTarget(options: CallOptions, defaults: TaskOptions, router: Router): RouteTarget {
  const named = options.queue ?? defaults.queue
  const queue = typeof named === 'object' ? router.know(named) : named
  const exchange = options.exchange ?? defaults.exchange
  const routingKey = options.routingKey ?? defaults.routingKey
  const priority = options.priority ?? defaults.priority
  if (queue === undefined && exchange === undefined && routingKey === undefined && priority === undefined)
    return NO_TARGET
  return {
    ...(queue === undefined ? {} : { queue }),
    ...(exchange === undefined ? {} : { exchange }),
    ...(routingKey === undefined ? {} : { routingKey }),
    ...(priority === undefined ? {} : { priority }),
  }
}

function dueAt({ eta, countdown }: CallOptions, nowMs: number): number | undefined {
  if (eta) return eta.getTime()
  return countdown === undefined ? undefined : nowMs + countdown * 1000
}

/** @throws {ConfigurationError} when the soft limit could never be reached. */
function checkedLimits(
  task: string,
  hard: number | undefined,
  soft: number | undefined,
): readonly [number | null, number | null] {
  if (hard !== undefined && soft !== undefined && soft > hard) {
    throw new ConfigurationError(
      `The soft time limit of ${task} (${soft} s) is longer than the hard one (${hard} s).`,
      {
        code: 'LVG_CONFIG_INVALID',
      },
    )
  }
  return [hard ?? null, soft ?? null]
}

/** The time until which a queue keeps a message that arrives at `fromMs`. */
const waitsUntil = (queue: Queue | undefined, fromMs: number): number | undefined =>
  queue?.messageTtl === undefined ? undefined : fromMs + queue.messageTtl * 1000

const sooner = (left: number | undefined, right: number | undefined): number | undefined =>
  left === undefined || right === undefined ? (left ?? right) : Math.min(left, right)

/** Unix ms from which a task must no longer start. */
export const expiresAt = (expires: Date | number | undefined, nowMs: number): number | undefined =>
  typeof expires === 'number' ? nowMs + expires * 1000 : expires?.getTime()
