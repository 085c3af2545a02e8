import type { DeadLetter, DeadLetterStore } from '../dead-letter/index.js'
import type { Clock, Logger, MessageError, Page, PageRequest, Unsubscribe } from '../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../message/index.js'
import type { ResultBackend, ResultRecord } from '../result/index.js'
import type { Binding } from './binding.js'
import type { Queue } from './queue.js'

/** What a driver can do; said here and checked at start-up, never discovered by an exception at night. */
export interface BrokerCapabilities {
  /** Messages of a queue are delivered by priority. */
  readonly priorities: boolean
  /** What the numbers of signatures mean: `falling`, 0 first (kombu's virtual transports; the default), `rising`, 9 first (AMQP). */
  readonly priorityOnWire?: 'falling' | 'rising'
  /** `dueMs` and `postpone` are kept in the broker, not in a worker's memory. */
  readonly durableDelay: boolean
  /** A claimed message comes back when its holder stops renewing. */
  readonly leases: boolean
  /** A settlement's continuation, result and ack are one atomic step. */
  readonly atomicSettle: boolean
  /** `broadcast` and `subscribe` reach other processes. */
  readonly fanout: boolean
  /** Producers put messages with an ETA into the delay store at once; otherwise they travel as Celery sends them. */
  readonly delayAtPublish: boolean
  /** `QueueAdmin` sees messages one by one: lists them, finds them by task id, moves them in time, removes them. */
  readonly browsing: boolean
  /** `OutgoingMessage.once` is obeyed: a repeated key is taken, and dropped, in one atomic step. */
  readonly once: boolean
  /** Queues are objects of the server's own that do what `x-` arguments ask: `expires`, `maxLength`, `deadLetterExchange`. Default false. */
  readonly queueArguments?: boolean
  /** Milliseconds after which the server gives a held message to somebody else, although its holder lives. Default: it does not. */
  readonly longestHoldMs?: number
  /** Workers in other processes share the queues. */
  readonly shared: boolean
}

/** How many messages a queue holds. */
export interface QueueDepth {
  /** Waiting, all priorities. */
  readonly ready: number
  /** In the delay store; undefined where the broker cannot tell. */
  readonly delayed?: number
  /** Claimed and not settled; undefined where nobody asked (`DepthOptions.unacked`) or the broker cannot tell. */
  readonly unacked?: number
}

/** What is counted. */
export interface DepthOptions {
  /** Claimed messages too, where that costs more than a look. Default false. */
  readonly unacked?: boolean
}

/** Where messages wait. One instance a process and URL; the first operation connects. */
export interface Broker {
  /** `sqlite`, `redis`, … */
  readonly kind: string
  /** Where it is, without the password. */
  readonly location: string
  readonly capabilities: BrokerCapabilities
  readonly admin: QueueAdmin
  /** The store that letters go to in the settling transaction. */
  readonly deadLetters: DeadLetterStore
  /** Connects, checks the server, and says in sentences what its operator should change. */
  check(): Promise<readonly string[]>
  /** Makes queues and their bindings known; repeating it changes nothing. */
  declare(queues: readonly Queue[]): Promise<void>
  /** Resolves when the broker has taken every message. Calls of one tick share a round trip. */
  publish(messages: readonly OutgoingMessage[]): Promise<void>
  /**
   * Writes messages in a transaction of the caller's on the broker's own database: they exist if, and as soon as, it is committed.
   * Queues are declared before they are delivered. Absent where the broker is no database, and has no outbox in one.
   */
  publishIn?(
    transaction: PublishTransaction,
    messages: readonly OutgoingMessage[],
    queues?: readonly Queue[],
  ): Promise<void>
  consume(options: ConsumeOptions): Promise<Consumer>
  /**
   * Sends to every subscriber that listens now; the message's exchange and routing key say to whom. Resolves to how many that are, 0 only
   * when there was certainly nobody; undefined where the broker does not know.
   */
  broadcast(message: OutgoingMessage): Promise<number | undefined>
  /** Listens to an exchange; `pattern` is an AMQP topic (`worker.#`), default all. */
  subscribe(exchange: string, on: (message: IncomingMessage) => void, pattern?: string): Promise<Unsubscribe>
  /** Answers whoever waits at the message's exchange and routing key; an answer that nobody waits for is dropped. */
  reply(message: OutgoingMessage): Promise<void>
  /** Waits for answers under a routing key of one's own; ending it removes what is left of them. */
  inbox(exchange: string, routingKey: string, on: (message: IncomingMessage) => void): Promise<Unsubscribe>
  depths(queues: readonly string[], options?: DepthOptions): Promise<ReadonlyMap<string, QueueDepth>>
  /** Removes all waiting and delayed messages of a queue, not the claimed ones; tells how many. */
  purge(queue: string): Promise<number>
  close(): Promise<void>
}

/**
 * A transaction that the caller has begun and will commit, as whoever runs its statements: a `pg` client, or anything that
 * takes PostgreSQL's `$1` as it does.
 */
export interface PublishTransaction {
  query(statement: string, values: unknown[]): PromiseLike<unknown>
}

/** How to consume. */
export interface ConsumeOptions {
  /** Strict order: an earlier queue is emptied first. */
  readonly queues: readonly string[]
  /** Names this consumer; unique in the fleet, new at every start. */
  readonly holder: string
  /** Names who consumes through restarts, for what is its alone. Default: `holder`. */
  readonly node?: string
  /** A claimed message whose holder has not renewed it for this long returns to its queue. */
  readonly leaseMs: number
  /** How long messages held by peers without leases (Python workers) stay theirs. */
  readonly visibilityTimeoutMs: number
  /**
   * How long the event loop may stand still before what is held goes to others: the longest hard time limit of the
   * worker's tasks. Default 10 minutes. Drivers that renew beside the event loop obey it.
   */
  readonly maxBlockMs?: number
  /** How many messages may be delivered now; asked before each claim. */
  readonly free: () => number
  /** Never empty. The callee takes them over; it settles each by its tag. */
  readonly onDeliveries: (deliveries: readonly Delivery[]) => void
  /** The broker gave these to someone else: their settlement will be refused. */
  readonly onLost: (tags: readonly string[]) => void
  /** A fault that the consumer works on by itself (a lost connection). */
  readonly onError: (error: unknown) => void
  /** The connection that `onError` told of is there again. */
  readonly onRecovered?: () => void
  /** Where results go: a driver on the same server settles them with the ack (`settlesResults`). */
  readonly results?: ResultBackend
  readonly clock: Clock
  readonly logger: Logger
}

/** A message claimed for this consumer. */
export interface Delivery {
  /** Names this claim; what `settle` takes. */
  readonly tag: string
  /** The queue it was claimed from. */
  readonly queue: string
  /** The bytes as the broker holds them: what a dead letter keeps. */
  readonly raw: Buffer | string
  /** The message, or why it is none. */
  readonly message: IncomingMessage | MessageError
  /** Why it is not to be run, although it can be read: the broker could not bring it to its queue. It becomes a dead letter. */
  readonly fault?: MessageError
  /** How often a holder was lost with this message. */
  readonly redeliveries: number
}

/** How a claim ends. Everything in one settlement happens together where the broker can (`atomicSettle`). */
export type Settlement = {
  readonly tag: string
  /** Published with the ack: retries, callbacks, next steps. */
  readonly publish?: readonly OutgoingMessage[]
  /** Stored with the ack when the consumer `settlesResults`; else the caller stores them first. */
  readonly results?: readonly ResultRecord[]
} & (
  | {
      readonly kind: 'ack'
      /**
       * It was not run, and is kept as a letter elsewhere: a queue that has a place of its own for what is rejected (`deadLetterExchange`,
       * where `capabilities.queueArguments`) gets it there besides.
       */
      readonly rejected?: boolean
    }
  /** Back to the head of its queue: `counts` says whether it is a redelivery (a lost worker) or not (a shutdown). */
  | { readonly kind: 'requeue'; readonly counts: boolean }
  /**
   * Into the delay store, unchanged, until `untilMs`. When it is due it stands where the broker puts what is due, or, with `behind`, behind
   * what waits in its queue.
   */
  | { readonly kind: 'postpone'; readonly untilMs: number; readonly behind?: boolean }
  | { readonly kind: 'dead-letter'; readonly letter: DeadLetter }
)

/** A running subscription to queues. */
export interface Consumer {
  /** Whether `Settlement.results` is stored here, in one step with the ack. */
  readonly settlesResults: boolean
  /**
   * Settles claims; calls of one tick share a round trip, and the next claim travels with them. Resolves to
   * the tags that were no longer ours, whose settlement had no effect.
   */
  settle(settlements: readonly Settlement[]): Promise<readonly string[]>
  /** `free()` has grown: claim if there is something. */
  demand(): void
  setQueues(queues: readonly string[]): Promise<void>
  /** Claims no more and hands back nothing: what is held stays held, is renewed, and can be settled until `close`. */
  pause(): Promise<void>
  /** Stops renewing and disconnects. Settle or requeue what is held before. */
  close(): Promise<void>
}

/** A message in a queue, as an operator sees it. */
export interface QueuedMessage {
  /** Task id, or the tag of a message that has none. */
  readonly id: string
  readonly queue: string
  /** The task's name, when the message is readable. */
  readonly task?: string
  readonly state: 'ready' | 'delayed' | 'unacked'
  /** Unix ms at which a delayed message is due. */
  readonly dueMs?: number
  readonly raw: Buffer | string
}

/** What operators do to queues. */
export interface QueueAdmin {
  /** Names of the queues that exist. */
  queues(): Promise<readonly string[]>
  /** Which of these exist; where `queues` cannot name those of other programs. */
  existing?(names: readonly string[]): Promise<readonly string[]>
  /** How queues are reached through exchanges; absent where the broker does not tell. */
  bindings?(): Promise<readonly Binding[]>
  browse(
    queue: string,
    page: PageRequest & { readonly state?: QueuedMessage['state'] },
  ): Promise<Page<QueuedMessage>>
  /** Moves all waiting messages in atomic batches; tells how many. */
  move(from: string, to: string): Promise<number>
  /** Messages by task id, whatever their queue and state; each id may have several copies, or none. */
  find(ids: readonly string[]): Promise<readonly QueuedMessage[]>
  /** Removes waiting and delayed messages by task id; tells how many. */
  remove(ids: readonly string[]): Promise<number>
  /**
   * Makes waiting and delayed messages due now, or at `dueMs`, and their own ETA with them (`withEta`), so that no worker
   * postpones them again; tells how many.
   */
  promote(ids: readonly string[], dueMs?: number): Promise<number>
}
