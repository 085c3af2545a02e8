import {
  BOOLEAN,
  ConfigurationError,
  described,
  inCode,
  type Kind,
  oneOf,
  RATE,
  SECONDS,
  TEXT,
  whole,
} from '../kernel/index.js'

/** An exchange's routing type. */
export type ExchangeType = 'direct' | 'topic' | 'fanout'

/** The options of a queue, beyond its name. */
export interface QueueOptions {
  /** Default: a direct exchange of the queue's name. */
  readonly exchange?: string
  readonly exchangeType?: ExchangeType
  /** Default: the queue's name. */
  readonly routingKey?: string
  readonly durable?: boolean
  readonly autoDelete?: boolean
  readonly exclusive?: boolean
  /** The highest priority that the queue distinguishes; required by RabbitMQ, elsewhere all are distinguished. */
  readonly maxPriority?: number
  /** Seconds without consumers after which the queue is removed. Where `capabilities.queueArguments`. */
  readonly expires?: number
  /** Seconds that a message may wait; after that it is not run, and its task is revoked. */
  readonly messageTtl?: number
  /** The most messages kept; the oldest are dropped first. Where `capabilities.queueArguments`. */
  readonly maxLength?: number
  /**
   * The destination for messages that the server itself drops. Where `capabilities.queueArguments`; messages that workers give up on have
   * their own store, everywhere.
   */
  readonly deadLetterExchange?: string
  readonly deadLetterRoutingKey?: string
  /** The rate at which the cluster's workers start runs from this queue, evenly spaced: `10/s`, `10/m`, `10/h`. Default: no limit. */
  readonly rateLimit?: string | number
  /** Further broker arguments, `x-…`. */
  readonly arguments?: Readonly<Record<string, unknown>>
  /** Every worker that consumes it gets a copy of each message sent while it is up: Celery's `Broadcast`. See `broadcast`. */
  readonly broadcast?: boolean
}

const OBJECT = inCode('an object', (value) => typeof value === 'object' && value !== null)
/** All known options; the compiler ensures that none is missing. */
const KNOWN: Readonly<Record<keyof QueueOptions, Pick<Kind<unknown>, 'expects' | 'accepts'>>> = {
  exchange: TEXT,
  exchangeType: oneOf('direct', 'topic', 'fanout'),
  routingKey: TEXT,
  durable: BOOLEAN,
  autoDelete: BOOLEAN,
  exclusive: BOOLEAN,
  maxPriority: whole(0, 255),
  expires: SECONDS,
  messageTtl: SECONDS,
  maxLength: whole(0),
  deadLetterExchange: TEXT,
  deadLetterRoutingKey: TEXT,
  rateLimit: RATE,
  arguments: OBJECT,
  broadcast: BOOLEAN,
}

/** The options of a queue are its fields. */
export interface Queue extends QueueOptions {}

/**
 * A queue and its routing: `new Queue('mail', { maxPriority: 9 })`, or an object with the same fields.
 *
 * @example
 * import { Lovage, Queue } from 'lovage'
 * const shop = new Lovage('shop', { taskQueues: [new Queue('mail', { maxPriority: 9 }), 'images'] })
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the options become the object's own fields, all of them.
export class Queue {
  readonly name: string

  /** @throws {ConfigurationError} LVG_CONFIG_INVALID for an unknown option, or an invalid value. */
  constructor(name: string, options: QueueOptions = {}) {
    this.name = name
    Object.assign(this, options)
    checkQueue(this)
  }
}

/** @throws {ConfigurationError} LVG_CONFIG_INVALID */
export function checkQueue(queue: Queue): void {
  const refuse = (problem: string): never => {
    throw new ConfigurationError(`Queue ${queue.name}: ${problem}`, {
      code: 'LVG_CONFIG_INVALID',
      details: { queue: queue.name },
    })
  }
  for (const [option, value] of Object.entries(queue)) {
    if (option === 'name') continue
    if (!Object.hasOwn(KNOWN, option))
      refuse(`unknown queue option ${option}; valid options are ${Object.keys(KNOWN).join(', ')}.`)
    const kind = KNOWN[option as keyof QueueOptions]
    if (value !== undefined && value !== null && !kind.accepts(value))
      refuse(`${option} must be ${kind.expects}, not ${described(value)}.`)
  }
}

/**
 * A queue that delivers a copy to each of its workers: `taskQueues: ['celery', broadcast('reload')]`, and a task with `queue: 'reload'`.
 * Only workers that are up when a message is sent get a copy; a worker keeps its copies through crashes and restarts under its name.
 * Python's `Broadcast` of the same name shares it.
 *
 * @example
 * import { broadcast, Lovage } from 'lovage'
 * const shop = new Lovage('shop', { taskQueues: [broadcast('reload'), 'celery'] })
 */
export function broadcast(name: string, options: QueueOptions = {}): Queue {
  return new Queue(name, { exchangeType: 'fanout', broadcast: true, ...options })
}

/** Celery's exchange for the queues of single workers. */
const DIRECT_EXCHANGE = 'C.dq2'

/**
 * The queue of a single worker, by its node name, where `workerDirect` is on: `queue: workerDirect('celery@box')`.
 *
 * @example
 * import { workerDirect } from 'lovage'
 * await add.applyAsync([2, 3], { queue: workerDirect('w1@box') }) // with workerDirect on there
 */
export function workerDirect(node: string): Queue {
  return new Queue(`${node}.dq2`, { exchange: DIRECT_EXCHANGE, routingKey: node })
}

/** A queue's options as AMQP arguments, in milliseconds. */
export function queueArguments(queue: Queue): Readonly<Record<string, unknown>> {
  const { maxPriority, expires, messageTtl, maxLength, deadLetterExchange, deadLetterRoutingKey } = queue
  const all: Readonly<Record<string, unknown>> = {
    'x-max-priority': maxPriority,
    'x-expires': expires === undefined ? undefined : Math.round(expires * 1000),
    'x-message-ttl': messageTtl === undefined ? undefined : Math.round(messageTtl * 1000),
    'x-max-length': maxLength,
    'x-dead-letter-exchange': deadLetterExchange,
    'x-dead-letter-routing-key': deadLetterRoutingKey,
    ...queue.arguments,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** The arguments that only a server with `capabilities.queueArguments` honours, for a warning. */
export function unkeptArguments(queue: Queue): readonly string[] {
  // Priorities are distinguished everywhere; workers skip messages that waited too long.
  const kept = new Set(['x-max-priority', 'x-message-ttl', 'x-queue-type'])
  return Object.keys(queueArguments(queue)).filter((name) => !kept.has(name))
}
