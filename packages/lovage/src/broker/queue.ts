import { ConfigurationError } from '../kernel/index.js'

/** How an exchange routes. */
export type ExchangeType = 'direct' | 'topic' | 'fanout'

/** What may be said of a queue beside its name. */
export interface QueueOptions {
  /** Default: a direct exchange of the queue's name. */
  readonly exchange?: string
  readonly exchangeType?: ExchangeType
  /** Default: the queue's name. */
  readonly routingKey?: string
  readonly durable?: boolean
  readonly autoDelete?: boolean
  readonly exclusive?: boolean
  /** Highest priority the queue distinguishes; RabbitMQ needs it, elsewhere all are. */
  readonly maxPriority?: number
  /** Seconds without consumers after which the queue is removed. Where `capabilities.queueArguments`. */
  readonly expires?: number
  /** Seconds that a message may wait; one that waited longer is not run, and its task is revoked. */
  readonly messageTtl?: number
  /** Messages beyond which the oldest go. Where `capabilities.queueArguments`. */
  readonly maxLength?: number
  /** Where what the server itself drops goes. Where `capabilities.queueArguments`; what workers give up has its own place, everywhere. */
  readonly deadLetterExchange?: string
  readonly deadLetterRoutingKey?: string
  /** Runs a time that the cluster's workers begin from this queue, evenly spaced: `10/s`, `10/m`, `10/h`. Default: no limit. */
  readonly rateLimit?: string | number
  /** Further broker arguments, `x-…`. */
  readonly arguments?: Readonly<Record<string, unknown>>
  /** Every worker that consumes it gets a copy of what is sent while it is up: Celery's `Broadcast`. See `broadcast`. */
  readonly broadcast?: boolean
}

const NUMBERS = ['maxPriority', 'expires', 'messageTtl', 'maxLength'] as const
/** Of each, what it is; the compiler sees to it that none is missing. */
const KNOWN: Readonly<Record<keyof QueueOptions, true>> = {
  exchange: true,
  exchangeType: true,
  routingKey: true,
  durable: true,
  autoDelete: true,
  exclusive: true,
  maxPriority: true,
  expires: true,
  messageTtl: true,
  maxLength: true,
  deadLetterExchange: true,
  deadLetterRoutingKey: true,
  rateLimit: true,
  arguments: true,
  broadcast: true,
}

/** The options of a queue are its fields. */
export interface Queue extends QueueOptions {}

/** A queue and how messages reach it: `new Queue('mail', { maxPriority: 9 })`, or an object with the same fields. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the options become the object's own fields, all of them.
export class Queue {
  readonly name: string

  /** @throws {ConfigurationError} LVG_CONFIG_INVALID for an option that is not known, or a number that is none. */
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
  for (const option of Object.keys(queue))
    if (option !== 'name' && !Object.hasOwn(KNOWN, option))
      refuse(`${option} is no option of a queue; there are ${Object.keys(KNOWN).join(', ')}.`)
  for (const option of NUMBERS) {
    const value = queue[option]
    if (value !== undefined && !(Number.isFinite(value) && value >= 0))
      refuse(`${option} is a number that is not negative, not ${String(value)}.`)
  }
}

/**
 * A queue whose every worker gets a copy: `taskQueues: ['celery', broadcast('reload')]`, and a task with `queue: 'reload'`. A copy
 * counts only for who is up when it is sent; a worker keeps its own through crashes and restarts under its name. Python's `Broadcast`
 * of the same name shares it.
 */
export function broadcast(name: string, options: QueueOptions = {}): Queue {
  return new Queue(name, { exchangeType: 'fanout', broadcast: true, ...options })
}

/** Celery's exchange of the queues that belong to one worker each. */
const DIRECT_EXCHANGE = 'C.dq2'

/** The queue of one worker alone, by its node name, where `workerDirect` is on: `queue: workerDirect('celery@box')`. */
export function workerDirect(node: string): Queue {
  return new Queue(`${node}.dq2`, { exchange: DIRECT_EXCHANGE, routingKey: node })
}

/** What a queue asks of its server, as AMQP's arguments: milliseconds there. */
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

/** What a queue asks that only a server with `capabilities.queueArguments` does; for a warning. */
export function unkeptArguments(queue: Queue): readonly string[] {
  // Priorities are told apart everywhere; what waits too long is left out by workers.
  const kept = new Set(['x-max-priority', 'x-message-ttl', 'x-queue-type'])
  return Object.keys(queueArguments(queue)).filter((name) => !kept.has(name))
}
