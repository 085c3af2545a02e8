import type { Broker, PublishTransaction, Queue } from '../broker/index.js'
import {
  CapabilityError,
  type Clock,
  ConfigurationError,
  crashPoint,
  delay,
  InFlight,
  isLovageError,
  newId,
  stayAlive,
} from '../kernel/index.js'
import {
  encodeTask,
  formatTime,
  type IncomingMessage,
  type OutgoingMessage,
  reprArgs,
  reprKwargs,
  SENT_HEADER,
  type Serializer,
  type TaskCall,
  type TaskMessage,
  withAttempt,
} from '../message/index.js'
import type { SignalBoard } from './app-signals.js'
import { AsyncResult, type ResultHost } from './async-result.js'
import type { Call } from './call.js'
import { currentContext, type TaskContext } from './context.js'
import { compose, type Middleware, type Next, type PublishContext } from './middleware.js'
import type { Outcome } from './outcome.js'
import { shownArguments } from './redaction.js'
import type { TaskRegistry } from './registry.js'
import { nameOf, type Router, type RouteTarget } from './router.js'
import { bodyOf, serializerOf } from './security.js'
import type { Settings } from './settings/index.js'
import type { CallOptions, TaskOptions } from './task-options.js'

/** What publishing needs of the app. */
export interface PublishHost extends ResultHost {
  readonly conf: Settings
  readonly clock: Clock
  readonly router: Router
  readonly tasks: TaskRegistry
  readonly middleware: readonly Middleware[]
  readonly signals: SignalBoard
  broker(): Promise<Broker>
}

/** A call that has become a message. */
export interface Sending {
  readonly id: string
  readonly message: OutgoingMessage
  readonly queue: Queue | undefined
}

/** Calls of one turn of the loop, on their way together. */
interface Batch {
  readonly messages: OutgoingMessage[]
  /** Queues to be declared before the messages go. */
  readonly queues: Map<string, Queue>
  readonly done: Promise<void>
}

/** Makes messages of calls and sees them to the broker, those of one turn of the loop in one go. */
export class Publisher {
  readonly #host: PublishHost
  readonly #declared = new Set<string>()
  readonly #inFlight = new InFlight()
  readonly #publish: Next<PublishContext, void>
  #batch: Batch | undefined
  /** Calls of this turn that go with a transaction of the caller's, by that transaction. */
  readonly #inTransactions = new Map<PublishTransaction, Batch>()
  /** The broker once it is there: what a call needs of it must not cost a turn of the loop. */
  #broker: Broker | undefined

  constructor(host: PublishHost) {
    this.#host = host
    const wrappers = host.middleware.flatMap((one) => (one.publish ? [one.publish.bind(one)] : []))
    this.#publish = compose(wrappers, (context: PublishContext) => publishOne(context))
  }

  /** Publishes a call; resolves to its result when the broker has it. */
  send(call: Call): Promise<AsyncResult<unknown>> {
    const broker = this.#broker
    if (!broker) return this.#connect().then(() => this.send(call))
    const parent = currentContext()
    return this.#enqueue(toMessage(call, this.#host, broker, parent), broker, call.options, parent)
  }

  /** Publishes calls, none of them when one cannot be written. */
  async sendAll(
    calls: readonly Call[],
    parent: TaskContext | undefined = currentContext(),
    isRemembered = true,
  ): Promise<readonly AsyncResult<unknown>[]> {
    if (!this.#broker) await this.#connect()
    const broker = this.#broker ?? (await this.#host.broker())
    const sendings = calls.map((call) => toMessage(call, this.#host, broker, parent))
    return Promise.all(
      sendings.map((sending, index) =>
        this.#enqueue(sending, broker, calls[index]?.options ?? {}, isRemembered ? parent : undefined),
      ),
    )
  }

  #enqueue(
    { id, message, queue }: Sending,
    broker: Broker,
    options: CallOptions,
    parent: TaskContext | undefined,
  ): Promise<AsyncResult<unknown>> {
    const batch = this.#batchFor(broker, options)
    batch.messages.push(message)
    if (queue && !this.#declared.has(queue.name)) batch.queues.set(queue.name, queue)
    return batch.done.then(() => {
      parent?.children.push([[id, null], null])
      return new AsyncResult<unknown>(id, this.#host)
    })
  }

  #batchFor(broker: Broker, options: CallOptions): Batch {
    const { transaction } = options
    if (transaction) {
      const batch = this.#inTransactions.get(transaction) ?? this.#newBatch(broker, options)
      this.#inTransactions.set(transaction, batch)
      return batch
    }
    if (options.retry !== undefined || options.retryPolicy !== undefined)
      return this.#newBatch(broker, options)
    this.#batch ??= this.#newBatch(broker, {})
    return this.#batch
  }

  /** Resolves when nothing is in flight, whether it succeeded or not. */
  async drain(): Promise<void> {
    while (this.#inFlight.size > 0) await this.#inFlight.ended()
  }

  async #connect(): Promise<void> {
    this.#broker = await this.#host.broker()
  }

  #newBatch(broker: Broker, options: CallOptions): Batch {
    const messages: OutgoingMessage[] = []
    const queues = new Map<string, Queue>()
    // The microtask comes after everything that this turn still sends.
    const done = this.#inFlight.add(
      Promise.resolve().then(() => {
        if (this.#batch?.messages === messages) this.#batch = undefined
        if (options.transaction) this.#inTransactions.delete(options.transaction)
        return this.#flush(broker, messages, queues, options)
      }),
    )
    return { messages, queues, done }
  }

  async #flush(
    broker: Broker,
    messages: readonly OutgoingMessage[],
    queues: ReadonlyMap<string, Queue>,
    options: CallOptions,
  ): Promise<void> {
    const { signals } = this.#host
    if (signals.has('beforeTaskPublish'))
      for (const message of messages) signals.emit('beforeTaskPublish', { message })
    const { transaction } = options
    const send = async (): Promise<void> => {
      // In a transaction the broker itself may be away: its queues are declared when the messages come to it.
      if (queues.size > 0 && !transaction) await broker.declare([...queues.values()])
      if (!transaction) for (const name of queues.keys()) this.#declared.add(name)
      crashPoint('publish:before')
      const within = transaction ? { transaction, queues: [...queues.values()] } : {}
      await this.#publish({ broker, messages, ...within })
      crashPoint('publish:after')
    }
    // A transaction is over with its first error: whoever began it begins again.
    await (transaction ? send() : this.#withRetry(options, send))
    if (signals.has('afterTaskPublish'))
      for (const message of messages) signals.emit('afterTaskPublish', { message })
  }

  /** A lost connection is tried again as `taskPublishRetryPolicy` says; everything else is the caller's. */
  async #withRetry(options: CallOptions, attempt: () => Promise<void>): Promise<void> {
    const policy = retryPolicy(this.#host.conf, options)
    for (let tries = 0; ; tries++) {
      try {
        return await attempt()
      } catch (error) {
        const isTransient = isLovageError(error) && error.code === 'LVG_CONNECTION_FAILED'
        if (!isTransient || !policy || tries >= policy.maxRetries) throw error
        const pause = Math.min(policy.intervalMax, policy.intervalStart + tries * policy.intervalStep)
        await stayAlive(delay(this.#host.clock, 1000 * pause))
      }
    }
  }
}

/** @throws {CapabilityError} LVG_CAPABILITY_MISSING for a transaction where the broker is no database. */
async function publishOne({ broker, messages, transaction, queues }: PublishContext): Promise<void> {
  if (!transaction) return broker.publish(messages)
  if (!broker.publishIn) {
    throw new CapabilityError(
      `The broker (${broker.kind}) cannot take tasks in a transaction of the caller's.`,
      {
        code: 'LVG_CAPABILITY_MISSING',
        details: { broker: broker.kind },
        hint: 'Use a postgresql:// broker in the database of the transaction, or set outboxUrl to that database.',
      },
    )
  }
  return broker.publishIn(transaction, messages, queues)
}

/** Celery's policy: three more tries within about half a second. */
function retryPolicy(conf: Settings, options: CallOptions) {
  if (!(options.retry ?? conf.taskPublishRetry)) return undefined
  const fromSettings = conf.taskPublishRetryPolicy
  const of = (
    camel: keyof NonNullable<CallOptions['retryPolicy']>,
    snake: string,
    fallback: number,
  ): number => options.retryPolicy?.[camel] ?? fromSettings[snake] ?? fromSettings[camel] ?? fallback
  return {
    maxRetries: of('maxRetries', 'max_retries', 3),
    intervalStart: of('intervalStart', 'interval_start', 0),
    intervalStep: of('intervalStep', 'interval_step', 0.2),
    intervalMax: of('intervalMax', 'interval_max', 0.2),
  }
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

/** The message of a call, its destination decided: call before task before route before settings. */
export function toMessage(
  { task, args, kwargs, options, defaults, params, embed, wire }: Call,
  { conf, clock, router, tasks }: Pick<PublishHost, 'conf' | 'clock' | 'router' | 'tasks'>,
  { capabilities }: Broker,
  parent: TaskContext | undefined,
): Sending {
  const id = options.taskId ?? newId()
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
    ignoreResult: options.ignoreResult ?? defaults.ignoreResult ?? false,
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
  const redact = known?.options.redact ?? defaults.redact
  const names = params ?? known?.definition.params
  if (redact || names) Object.assign(call, shownArguments({ redact, params: names }, { args, kwargs }))
  if (options.argsrepr !== undefined) call.argsRepr = options.argsrepr
  if (options.kwargsrepr !== undefined) call.kwargsRepr = options.kwargsrepr
  if (options.groupId !== undefined) call.group = options.groupId
  if (options.groupIndex !== undefined) call.groupIndex = options.groupIndex
  if (options.headers !== undefined) call.headers = options.headers
  if (options.replyTo !== undefined) call.replyTo = options.replyTo
  const message = encodeTask(call, {
    serializer: serializerOf(conf, options.serializer ?? defaults.serializer ?? conf.taskSerializer),
    compression: options.compression ?? defaults.compression ?? conf.taskCompression ?? null,
    jsonTypes: conf.jsonTypes,
    maxBytes: conf.messageMaxBytes,
    nowMs,
  })
  const { once } = options
  return { id, message: once ? { ...message, once } : message, queue: route.queue }
}

const NO_TARGET: RouteTarget = {}

/** What call and task say about the destination, the call's word first. */
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

/** Until when a queue lets a message wait that comes at `fromMs`. */
const waitsUntil = (queue: Queue | undefined, fromMs: number): number | undefined =>
  queue?.messageTtl === undefined ? undefined : fromMs + queue.messageTtl * 1000

const sooner = (left: number | undefined, right: number | undefined): number | undefined =>
  left === undefined || right === undefined ? (left ?? right) : Math.min(left, right)

const expiresAt = (expires: Date | number | undefined, nowMs: number): number | undefined =>
  typeof expires === 'number' ? nowMs + expires * 1000 : expires?.getTime()

/** What `retryMessage` looks at. */
export interface RetriedRun {
  readonly message: IncomingMessage
  readonly call: TaskMessage
  readonly context: TaskContext
  readonly nowMs: number
}

/**
 * The message of a task's next run: same id, same body unless the task gave other arguments, one retry more
 * (protocol.md 1.9). It goes where the first one came from.
 */
export function retryMessage(
  run: RetriedRun,
  outcome: Extract<Outcome, { kind: 'retry' }>,
  settings: { readonly delayAtPublish: boolean; readonly signer?: Serializer | undefined },
): OutgoingMessage {
  const { message, call } = run
  const { request, dueMs } = outcome
  const { redelivered: _, ...again } = message
  const args = request.args ?? call.args
  const kwargs = request.kwargs ?? call.kwargs
  const hasNewArguments = request.args !== undefined || request.kwargs !== undefined
  const expiresMs = expiresAt(request.expires, run.nowMs)
  const expires = expiresMs === undefined ? call.headers.expires : formatTime(expiresMs)
  const [hard, soft] = call.headers.timelimit ?? [null, null]
  const { compression, ...headers } = call.headers
  const destination =
    request.queue === undefined
      ? {
          exchange: request.exchange ?? message.exchange,
          routingKey: request.routingKey ?? message.routingKey,
        }
      : { exchange: '', routingKey: nameOf(request.queue) }
  return {
    ...again,
    ...destination,
    ...(hasNewArguments ? bodyOf({ args, kwargs, embed: call.embed }, settings.signer) : {}),
    headers: {
      ...headers,
      ...(compression === undefined || hasNewArguments ? {} : { compression }),
      ...attemptHeaders(run, outcome),
      ...(request.headers ?? {}),
      lang: 'js',
      [SENT_HEADER]: run.nowMs,
      retries: run.context.retries + 1,
      eta: formatTime(dueMs),
      expires,
      timelimit: [request.timeLimit ?? hard, request.softTimeLimit ?? soft],
      ...(hasNewArguments ? reprsOf(run.context.task, { args, kwargs }) : {}),
    },
    properties: {
      ...message.properties,
      ...(request.priority === undefined ? {} : { priority: request.priority }),
      ...(expiresMs === undefined
        ? {}
        : { expiration: String(Math.max(0, Math.trunc(expiresMs - run.nowMs))) }),
    },
    ...(settings.delayAtPublish ? { dueMs } : {}),
  }
}

/** Remembers why the task is retried, for whoever looks at it should it fail for good. */
function attemptHeaders(
  { call, nowMs: atMs }: RetriedRun,
  { exception, traceback }: Extract<Outcome, { kind: 'retry' }>,
): Readonly<Record<string, unknown>> {
  if (exception === null) return {}
  const message = [exception.exc_message].flat().map(String).join(', ')
  return withAttempt(call.headers, { type: exception.exc_type, message, traceback, atMs })
}

function reprsOf(
  { options: { redact }, definition }: TaskContext['task'],
  given: { readonly args: readonly unknown[]; readonly kwargs: Readonly<Record<string, unknown>> },
): Readonly<Record<string, unknown>> {
  const { argsRepr = reprArgs(given.args), kwargsRepr = reprKwargs(given.kwargs) } =
    shownArguments({ redact, params: definition?.params }, given) ?? {}
  return { argsrepr: argsRepr, kwargsrepr: kwargsRepr }
}
