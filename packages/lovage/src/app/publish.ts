import type { Broker, Queue } from '../broker/index.js'
import { type Clock, ConfigurationError, delay, isLovageError, newId } from '../kernel/index.js'
import {
  encodeJson,
  encodeTask,
  formatTime,
  type IncomingMessage,
  type OutgoingMessage,
  reprArgs,
  reprKwargs,
  type TaskMessage,
} from '../message/index.js'
import type { SignalBoard } from './app-signals.js'
import { AsyncResult, type ResultHost } from './async-result.js'
import type { Call } from './call.js'
import { currentContext, type TaskContext } from './context.js'
import { compose, type Middleware, type Next, type PublishContext } from './middleware.js'
import type { Outcome } from './outcome.js'
import type { Route, Router } from './router.js'
import type { Settings } from './settings/index.js'
import type { CallOptions } from './task-options.js'

/** What publishing needs of the app. */
export interface PublishHost extends ResultHost {
  readonly conf: Settings
  readonly clock: Clock
  readonly router: Router
  readonly middleware: readonly Middleware[]
  readonly signals: SignalBoard
  broker(): Promise<Broker>
}

/** Makes messages of calls and sees them to the broker. */
export class Publisher {
  readonly #host: PublishHost
  readonly #declared = new Map<string, Promise<void>>()
  readonly #inFlight = new Set<Promise<unknown>>()
  readonly #publish: Next<PublishContext, void>
  /** The broker once it is there, so that a call need not wait a turn for what it has already. */
  #broker: Broker | undefined

  constructor(host: PublishHost) {
    this.#host = host
    const wrappers = host.middleware.flatMap((one) => (one.publish ? [one.publish.bind(one)] : []))
    this.#publish = compose(wrappers, ({ broker, messages }: PublishContext) => broker.publish(messages))
  }

  /** Publishes calls; resolves to their results when the broker has all of them. */
  send(calls: readonly Call[]): Promise<readonly AsyncResult<unknown>[]> {
    const work = this.#send(calls)
    this.#inFlight.add(work)
    const done = (): void => void this.#inFlight.delete(work)
    work.then(done, done)
    return work
  }

  /** Resolves when nothing is in flight, whether it succeeded or not. */
  async drain(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight)
  }

  async #send(calls: readonly Call[]): Promise<readonly AsyncResult<unknown>[]> {
    this.#broker ??= await this.#host.broker()
    const broker = this.#broker
    const parent = currentContext()
    const routed = calls.map((call) => toMessage(call, this.#host, broker, parent))
    const undeclared = this.#undeclared(routed.map(({ route }) => route))
    if (undeclared) await undeclared(broker)
    const messages = routed.map(({ message }) => message)
    const { signals } = this.#host
    if (signals.has('beforeTaskPublish'))
      for (const message of messages) signals.emit('beforeTaskPublish', { message })
    await this.#publishWithRetry({ broker, messages }, calls[0]?.options ?? {})
    if (signals.has('afterTaskPublish'))
      for (const message of messages) signals.emit('afterTaskPublish', { message })
    return routed.map(({ id }) => {
      const result = new AsyncResult<unknown>(id, this.#host)
      parent?.children.push([[id, null], null])
      return result
    })
  }

  /** How to make the queues known that nobody declared yet; undefined when all are. */
  #undeclared(routes: readonly Route[]): ((broker: Broker) => Promise<void>) | undefined {
    const queues = new Map<string, Queue>()
    for (const { queue } of routes) if (queue) queues.set(queue.name, queue)
    const waiting = [...queues.values()].filter((queue) => !this.#declared.has(queue.name))
    const pending = [...queues.keys()].flatMap((name) => this.#declared.get(name) ?? [])
    if (waiting.length === 0 && pending.every((promise) => promise === DECLARED)) return undefined
    return async (broker) => {
      if (waiting.length > 0) {
        const declaring = broker.declare(waiting)
        for (const { name } of waiting) this.#declared.set(name, declaring)
        try {
          await declaring
          for (const { name } of waiting) this.#declared.set(name, DECLARED)
        } catch (error) {
          for (const { name } of waiting) this.#declared.delete(name)
          throw error
        }
      }
      await Promise.all(pending)
    }
  }

  /** A lost connection is tried again as `taskPublishRetryPolicy` says; everything else is the caller's. */
  async #publishWithRetry(context: PublishContext, options: CallOptions): Promise<void> {
    const policy = retryPolicy(this.#host.conf, options)
    for (let tries = 0; ; tries++) {
      try {
        return await this.#publish(context)
      } catch (error) {
        const isTransient = isLovageError(error) && error.code === 'LVG_CONNECTION_FAILED'
        if (!isTransient || !policy || tries >= policy.maxRetries) throw error
        await delay(
          this.#host.clock,
          1000 * Math.min(policy.intervalMax, policy.intervalStart + tries * policy.intervalStep),
        )
      }
    }
  }
}

const DECLARED = Promise.resolve()

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

/** The message of a call, its destination decided: call before task before route before settings. */
function toMessage(
  call: Call,
  host: PublishHost,
  broker: Broker,
  parent: TaskContext | undefined,
): { readonly id: string; readonly message: OutgoingMessage; readonly route: Route } {
  const { conf, clock, router } = host
  const { options, defaults } = call
  const id = options.taskId ?? newId()
  const nowMs = clock.now()
  const route = router.route(call.task, call.args, call.kwargs, target(options, defaults))
  const dueMs = options.eta
    ? options.eta.getTime()
    : options.countdown === undefined
      ? undefined
      : nowMs + options.countdown * 1000
  const priority =
    route.priority ??
    (conf.taskInheritParentPriority ? (parent?.deliveryInfo.priority ?? undefined) : undefined)
  const inStore =
    dueMs !== undefined &&
    (broker.capabilities.delayAtPublish || (options.delay === 'store' && broker.capabilities.durableDelay))
  const hard = options.timeLimit ?? defaults.timeLimit
  const soft = options.softTimeLimit ?? defaults.softTimeLimit
  if (hard !== undefined && soft !== undefined && soft > hard) {
    throw new ConfigurationError(
      `The soft time limit of ${call.task} (${soft} s) is longer than the hard one (${hard} s).`,
      { code: 'LVG_CONFIG_INVALID' },
    )
  }
  const expiresMs = expiresAt(options.expires ?? defaults.expires, nowMs)
  const message = encodeTask(
    {
      task: call.task,
      id,
      args: call.args,
      kwargs: call.kwargs,
      ...(call.embed ? { embed: call.embed } : {}),
      ...(dueMs === undefined ? {} : { eta: formatTime(dueMs) }),
      ...(expiresMs === undefined ? {} : { expires: formatTime(expiresMs) }),
      ...(options.retries === undefined ? {} : { retries: options.retries }),
      ...(hard === undefined && soft === undefined ? {} : { timeLimit: [hard ?? null, soft ?? null] }),
      ...(options.shadow === undefined ? {} : { shadow: options.shadow }),
      ...(options.groupId === undefined ? {} : { group: options.groupId }),
      ...(options.groupIndex === undefined ? {} : { groupIndex: options.groupIndex }),
      rootId: options.rootId ?? parent?.rootId ?? id,
      parentId: options.parentId ?? parent?.id ?? null,
      ignoreResult: options.ignoreResult ?? defaults.ignoreResult ?? false,
      ...(options.headers === undefined ? {} : { headers: options.headers }),
      ...(options.replyTo === undefined ? {} : { replyTo: options.replyTo }),
      ...(priority === undefined ? {} : { priority }),
      deliveryMode: options.deliveryMode ?? (conf.taskDefaultDeliveryMode === 'persistent' ? 2 : 1),
      exchange: route.exchange,
      routingKey: route.routingKey,
      ...(inStore ? { dueMs } : {}),
    },
    {
      serializer: options.serializer ?? defaults.serializer ?? conf.taskSerializer,
      compression: options.compression ?? defaults.compression ?? conf.taskCompression ?? null,
      jsonTypes: conf.jsonTypes,
      maxBytes: conf.messageMaxBytes,
      nowMs,
    },
  )
  return { id, message, route }
}

function target(options: CallOptions, defaults: Call['defaults']) {
  const { queue, exchange, routingKey, priority } = { ...pick(defaults), ...pick(options) }
  return {
    ...(queue === undefined ? {} : { queue }),
    ...(exchange === undefined ? {} : { exchange }),
    ...(routingKey === undefined ? {} : { routingKey }),
    ...(priority === undefined ? {} : { priority }),
  }
}

const pick = ({ queue, exchange, routingKey, priority }: CallOptions | Call['defaults']) => ({
  ...(queue === undefined ? {} : { queue }),
  ...(exchange === undefined ? {} : { exchange }),
  ...(routingKey === undefined ? {} : { routingKey }),
  ...(priority === undefined ? {} : { priority }),
})

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
  settings: { readonly delayAtPublish: boolean },
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
      : { exchange: '', routingKey: request.queue }
  return {
    ...again,
    ...destination,
    ...(hasNewArguments
      ? {
          body: `[${encodeJson(args, 'args')},${encodeJson(kwargs, 'kwargs')},${encodeJson(call.embed)}]`,
          contentType: 'application/json',
          contentEncoding: 'utf-8',
        }
      : {}),
    headers: {
      ...headers,
      ...(compression === undefined || hasNewArguments ? {} : { compression }),
      ...(request.headers ?? {}),
      lang: 'js',
      retries: run.context.retries + 1,
      eta: formatTime(dueMs),
      expires,
      timelimit: [request.timeLimit ?? hard, request.softTimeLimit ?? soft],
      ...(hasNewArguments ? { argsrepr: reprArgs(args), kwargsrepr: reprKwargs(kwargs) } : {}),
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
