import type { Broker, PublishTransaction, Queue } from '../../broker/index.js'
import {
  CapabilityError,
  crashPoint,
  delay,
  InFlight,
  isLovageError,
  type LovageError,
  stayAlive,
} from '../../kernel/index.js'
import type { OutgoingMessage } from '../../message/index.js'
import type { AppCore } from '../core/index.js'
import { AsyncResult } from '../results/index.js'
import type { Settings } from '../settings/index.js'
import {
  type Call,
  type CallOptions,
  compose,
  currentContext,
  type Next,
  type PublishContext,
  type TaskContext,
} from '../tasks/index.js'
import { type Sending, toMessage } from './to-message.js'

/** Calls of one turn of the loop, sent together. */
interface Batch {
  readonly messages: OutgoingMessage[]
  /** Sends them before the turn is over. */
  readonly send: () => void
  /** Queues to declare before the messages are sent. */
  readonly queues: Map<string, Queue>
  readonly done: Promise<void>
}

/** Kept from before a test can replace it with a clock that stands still. */
const atEndOfTurn = globalThis.setImmediate

/** Turns calls into messages and hands them to the broker, those of one turn of the loop together. */
export class Publisher {
  readonly #core: AppCore
  readonly #declared = new Set<string>()
  readonly #inFlight = new InFlight()
  readonly #publish: Next<PublishContext, void>
  #batch: Batch | undefined
  /** This turn's calls that belong to a caller's transaction, by that transaction. */
  readonly #inTransactions = new Map<PublishTransaction, Batch>()
  #resultProblem: LovageError | undefined
  /** The broker, once connected: reading its capabilities must not cost a call a turn of the loop. */
  #broker: Broker | undefined

  constructor(core: AppCore) {
    this.#core = core
    const wrappers = core.middleware.flatMap((one) => (one.publish ? [one.publish.bind(one)] : []))
    this.#publish = compose(wrappers, (context: PublishContext) => publishOne(context))
  }

  /** Publishes a call; resolves to its result when the broker has it. */
  send(call: Call): Promise<AsyncResult<unknown>> {
    const broker = this.#broker
    if (!broker) return this.#connect().then(() => this.send(call))
    const parent = currentContext()
    return this.#enqueue(toMessage(call, this.#core, broker, parent), broker, call.options, parent)
  }

  /** Publishes calls, or none of them if one cannot be serialised. */
  async sendAll(
    calls: readonly Call[],
    parent: TaskContext | undefined = currentContext(),
    isRemembered = true,
  ): Promise<readonly AsyncResult<unknown>[]> {
    if (!this.#broker) await this.#connect()
    const broker = this.#broker ?? (await this.#core.broker())
    const sendings = calls.map((call) => toMessage(call, this.#core, broker, parent))
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
    // The sender would wait for its result in vain.
    if (this.#resultProblem && message.headers.ignore_result !== true)
      return Promise.reject(this.#resultProblem)
    const batch = this.#batchFor(broker, options)
    if (queue && !this.#declared.has(queue.name)) batch.queues.set(queue.name, queue)
    const { publishBatch = Number.POSITIVE_INFINITY } = broker.capabilities
    if (batch.messages.push(message) >= publishBatch) batch.send()
    const sent = (): AsyncResult<unknown> => {
      parent?.children.push([[id, null], null])
      const result = new AsyncResult<unknown>(id, this.#core)
      result.ignored = message.headers.ignore_result === true
      return result
    }
    return batch.done.then(sent, (error: unknown) => {
      if (concerns(error, message)) throw error
      return sent()
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
    const broker = await this.#core.broker()
    this.#resultProblem = this.#core.resultProblem
    this.#broker = broker
  }

  #newBatch(broker: Broker, options: CallOptions): Batch {
    const messages: OutgoingMessage[] = []
    const queues = new Map<string, Queue>()
    let isSent = false
    let send = (): void => {}
    const done = this.#inFlight.add(
      new Promise<void>((resolve) => {
        send = () => {
          if (isSent) return
          isSent = true
          if (this.#batch?.messages === messages) this.#batch = undefined
          if (options.transaction) this.#inTransactions.delete(options.transaction)
          resolve(this.#flush(broker, messages, queues, options))
        }
      }),
    )
    atEndOfTurn(send)
    return { messages, queues, done, send }
  }

  async #flush(
    broker: Broker,
    messages: readonly OutgoingMessage[],
    queues: ReadonlyMap<string, Queue>,
    options: CallOptions,
  ): Promise<void> {
    const { signals } = this.#core
    if (signals.has('beforeTaskPublish'))
      for (const message of messages) signals.emit('beforeTaskPublish', { message })
    const { transaction } = options
    const send = async (): Promise<void> => {
      // In a transaction the broker itself may be away: its queues are declared when the messages reach it.
      if (queues.size > 0 && !transaction) await broker.declare([...queues.values()])
      if (!transaction) for (const name of queues.keys()) this.#declared.add(name)
      if (this.#core.replyTo !== undefined) await (await this.#core.results()).expectReplies?.()
      crashPoint('publish:before')
      const within = transaction ? { transaction, queues: [...queues.values()] } : {}
      await this.#publish({ broker, messages, ...within })
      crashPoint('publish:after')
    }
    // A transaction is over with its first error: its owner must begin again.
    await (transaction ? send() : this.#withRetry(options, send))
    if (signals.has('afterTaskPublish'))
      for (const message of messages) signals.emit('afterTaskPublish', { message })
  }

  /** A lost connection is retried as `taskPublishRetryPolicy` says; all other errors are the caller's. */
  async #withRetry(options: CallOptions, attempt: () => Promise<void>): Promise<void> {
    const { clock, conf } = this.#core
    const policy = retryPolicy(conf, options)
    const beganMs = clock.now()
    for (let tries = 0; ; tries++) {
      try {
        return await attempt()
      } catch (error) {
        const isTransient = isLovageError(error) && error.code === 'LVG_CONNECTION_FAILED'
        if (!isTransient || !policy || tries >= policy.maxRetries) throw error
        // A server that swallows packets costs a whole time-out each try: callers wait for one, not for four.
        if (policy.isBounded && clock.now() - beganMs >= conf.brokerConnectionTimeout * 1000) throw error
        const pause = Math.min(policy.intervalMax, policy.intervalStart + tries * policy.intervalStep)
        await stayAlive(delay(clock, 1000 * pause))
      }
    }
  }
}

/** Whether an error of a batch concerns this message: brokers that accepted the others report which they did not. */
function concerns(error: unknown, { headers: { id } }: OutgoingMessage): boolean {
  const ids = isLovageError(error) ? error.details.ids : undefined
  return !Array.isArray(ids) || ids.length === 0 || ids.includes(id)
}

/** @throws {CapabilityError} LVG_CAPABILITY_MISSING for a transaction when the broker is not a database. */
async function publishOne({ broker, messages, transaction, queues }: PublishContext): Promise<void> {
  if (!transaction) return broker.publish(messages)
  if (!broker.publishIn) {
    throw new CapabilityError(
      `The broker (${broker.kind}) cannot send tasks within the caller’s transaction.`,
      {
        code: 'LVG_CAPABILITY_MISSING',
        details: { broker: broker.kind },
        hint: 'Use a postgresql:// broker in the database of the transaction, or set outboxUrl to that database.',
      },
    )
  }
  return broker.publishIn(transaction, messages, queues)
}

/** Celery's policy: three more tries within about half a second, and none after `brokerConnectionTimeout`, unless a policy is given. */
function retryPolicy(conf: Settings, options: CallOptions) {
  if (!(options.retry ?? conf.taskPublishRetry)) return undefined
  const fromSettings = conf.taskPublishRetryPolicy
  const of = (
    camel: keyof NonNullable<CallOptions['retryPolicy']>,
    snake: string,
    fallback: number,
  ): number => options.retryPolicy?.[camel] ?? fromSettings[snake] ?? fromSettings[camel] ?? fallback
  return {
    isBounded: options.retryPolicy === undefined && Object.keys(fromSettings).length === 0,
    maxRetries: of('maxRetries', 'max_retries', 3),
    intervalStart: of('intervalStart', 'interval_start', 0),
    intervalStep: of('intervalStep', 'interval_step', 0.2),
    intervalMax: of('intervalMax', 'interval_max', 0.2),
  }
}
