import type { DeadLetter, DeadLetterStore } from '../dead-letter/index.js'
import type { Clock, Logger, MessageError, Page, PageRequest, Unsubscribe } from '../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../message/index.js'
import type { ResultBackend, ResultRecord } from '../result/index.js'
import type { Binding } from './binding.js'
import type { Queue } from './queue.js'

/** The capabilities of a driver; declared here and checked at start-up, not discovered through an exception in production. */
export interface BrokerCapabilities {
  /** Messages of a queue are delivered by priority. */
  readonly priorities: boolean
  /**
   * The order of the priority numbers in signatures: `falling`, 0 first (kombu's virtual transports; the default), `rising`, 9 first
   * (AMQP).
   */
  readonly priorityOnWire?: 'falling' | 'rising'
  /** `dueMs` and `postpone` are held in the broker, not in a worker's memory. */
  readonly durableDelay: boolean
  /** A claimed message returns to its queue when its holder stops renewing. */
  readonly leases: boolean
  /**
   * A settlement's continuation, result and ack are one atomic step; with `'own-queue'` the ack and messages for the claim's own queue
   * are, as most retries.
   */
  readonly atomicSettle: boolean | 'own-queue'
  /** `broadcast` and `subscribe` reach other processes. */
  readonly fanout: boolean
  /** Producers put messages with an ETA into the delay store at once; otherwise they are sent as in Celery. */
  readonly delayAtPublish: boolean
  /** `QueueAdmin` sees messages one by one: lists them, finds them by task id, moves them in time, removes them. */
  readonly browsing: boolean
  /** `OutgoingMessage.once` is honoured: a repeated key is accepted, and dropped, in one atomic step. */
  readonly once: boolean
  /** Queues are server objects that honour `x-` arguments: `expires`, `maxLength`, `deadLetterExchange`. Default false. */
  readonly queueArguments?: boolean
  /** Milliseconds after which the server redelivers a held message although its holder is alive. Default: never. */
  readonly longestHoldMs?: number
  /** Workers in other processes share the queues. */
  readonly shared: boolean
  /**
   * The number of messages after which producers call `publish` before their turn of the event loop is over, so that the server reads
   * while the next are written. Default: at the end of the turn.
   */
  readonly publishBatch?: number
}

/** The number of messages in a queue. */
export interface QueueDepth {
  /** Waiting, all priorities. */
  readonly ready: number
  /** In the delay store; undefined where the broker cannot count them. */
  readonly delayed?: number
  /** Claimed and not settled; undefined when not requested (`DepthOptions.unacked`) or the broker cannot count them. */
  readonly unacked?: number
  /** Of the delayed ones, those due by `DepthOptions.dueByMs`; undefined when not requested, or when the server alone moves due messages. */
  readonly due?: number
  /** Connected consumers; undefined where the server keeps no count. */
  readonly consumers?: number
}

/** The options for counting. */
export interface DepthOptions {
  /** Whether to count claimed messages too, where that is expensive. Default false. */
  readonly unacked?: boolean
  /** Also counts the delayed messages that are due by this time, in Unix ms. Default: they are not counted apart. */
  readonly dueByMs?: number
}

/** Called when a lost subscription is restored, with the milliseconds since its loss. */
export type OnMissed = (lostMs: number) => void

/** A broker. One instance per process and URL; the first operation connects. */
export interface Broker {
  /** `sqlite`, `redis`, … */
  readonly kind: string
  /** Where it is, without the password. */
  readonly location: string
  readonly capabilities: BrokerCapabilities
  readonly admin: QueueAdmin
  /** The store for dead letters written in the settling transaction. */
  readonly deadLetters: DeadLetterStore
  /**
   * Connects and checks the server; returns advice for its operator, in sentences. What may stay as it is while a program is written
   * begins with `In production: `.
   */
  check(): Promise<readonly string[]>
  /** Declares queues and their bindings; repeating it changes nothing. */
  declare(queues: readonly Queue[]): Promise<void>
  /**
   * Publishes messages; resolves when the broker has accepted them all. The caller batches: an app collects what is sent in one turn of the
   * event loop, and a driver writes what it is handed at once.
   */
  publish(messages: readonly OutgoingMessage[]): Promise<void>
  /**
   * Writes messages in the caller's transaction on the broker's own database: they exist if, and as soon as, it commits. Queues are
   * declared before they are delivered. Absent where the broker is not a database, and has no outbox in one.
   */
  publishIn?(
    transaction: PublishTransaction,
    messages: readonly OutgoingMessage[],
    queues?: readonly Queue[],
  ): Promise<void>
  /**
   * Which of these tasks wait to be published, as the caller's transaction sees it: those that it wrote itself by `publishIn`, and
   * did not roll back, or that others have committed. Present where they wait in an outbox.
   */
  findIn?(transaction: PublishTransaction, ids: readonly string[]): Promise<readonly string[]>
  consume(options: ConsumeOptions): Promise<Consumer>
  /**
   * Sends to every current subscriber of the message's exchange and routing key. Resolves to the number of subscribers, 0 only when there
   * were certainly none; undefined where the broker does not know.
   */
  broadcast(message: OutgoingMessage): Promise<number | undefined>
  /**
   * Subscribes to an exchange; `pattern` is an AMQP topic (`worker.#`), default all. `onMissed` is called when a lost subscription is
   * restored, with the milliseconds since its loss: what was broadcast meanwhile, or was still on its way, has not been heard.
   */
  subscribe(
    exchange: string,
    on: (message: IncomingMessage) => void,
    pattern?: string,
    onMissed?: OnMissed,
  ): Promise<Unsubscribe>
  /** Sends a reply to the caller waiting at the message's exchange and routing key; a reply without a waiting caller is dropped. */
  reply(message: OutgoingMessage): Promise<void>
  /** Waits for replies under a routing key of its own; ending it removes the remaining ones. */
  inbox(exchange: string, routingKey: string, on: (message: IncomingMessage) => void): Promise<Unsubscribe>
  depths(queues: readonly string[], options?: DepthOptions): Promise<ReadonlyMap<string, QueueDepth>>
  /**
   * Removes all waiting and delayed messages of a queue, but not the claimed ones; returns how many. Where messages cannot be found by id
   * (`capabilities.browsing`), `see` receives each readable one that is removed.
   */
  purge(queue: string, see?: (message: IncomingMessage) => void): Promise<number>
  close(): Promise<void>
}

/**
 * A transaction that the caller has begun and will commit, as the object that runs its statements: a `pg` client, or anything that takes
 * PostgreSQL's `$1` parameters as it does.
 */
export interface PublishTransaction {
  query(statement: string, values: unknown[]): PromiseLike<unknown>
}

/** The options for consuming. */
export interface ConsumeOptions {
  readonly queues: readonly string[]
  /**
   * `strict`: an earlier queue is emptied first. `round_robin`: each claim begins with the queue after that of the last message. Default
   * `strict`.
   */
  readonly queueOrder?: 'strict' | 'round_robin'
  /** The name of this consumer; unique in the fleet, new at every start. */
  readonly holder: string
  /** The consumer's name across restarts, for state of its own. Default: `holder`. */
  readonly node?: string
  /** A claimed message whose holder has not renewed it for this long returns to its queue. */
  readonly leaseMs: number
  /** How long peers without leases (Python workers) keep the messages they hold. */
  readonly visibilityTimeoutMs: number
  /**
   * How long the event loop may block before held messages go to other workers: the longest hard time limit of the worker's tasks.
   * Default 10 minutes. It applies to drivers that renew outside the event loop.
   */
  readonly maxBlockMs?: number
  /** The number of messages that may be delivered now; called before each claim. */
  readonly free: () => number
  /** Never empty. The callee takes ownership and settles each by its tag. */
  readonly onDeliveries: (deliveries: readonly Delivery[]) => void
  /** The broker gave these to another consumer: settling them will be refused. */
  readonly onLost: (tags: readonly string[]) => void
  /** A fault from which the consumer recovers on its own (a lost connection). */
  readonly onError: (error: unknown) => void
  /** The connection reported by `onError` is restored. */
  readonly onRecovered?: () => void
  /** The result backend: a driver on the same server stores results with the ack (`settlesResults`). */
  readonly results?: ResultBackend
  readonly clock: Clock
  readonly logger: Logger
}

/** A message claimed for this consumer. */
export interface Delivery {
  /** The id of this claim, for `settle`. */
  readonly tag: string
  /** The queue it was claimed from. */
  readonly queue: string
  /** The bytes as the broker holds them; kept in a dead letter. */
  readonly raw: Buffer | string
  /** The message, or the reason it cannot be read. */
  readonly message: IncomingMessage | MessageError
  /** The reason a readable message must not be run: the broker could not bring it to its queue. It becomes a dead letter. */
  readonly fault?: MessageError
  /** The number of times a holder was lost with this message. */
  readonly redeliveries: number
}

/** The end of a claim. Everything in one settlement is atomic where the broker supports it (`atomicSettle`). */
export type Settlement = {
  readonly tag: string
  /** Published with the ack: retries, callbacks, next steps. */
  readonly publish?: readonly OutgoingMessage[]
  /** Stored with the ack when the consumer `settlesResults`; otherwise the caller stores them first. */
  readonly results?: readonly ResultRecord[]
} & (
  | {
      readonly kind: 'ack'
      /**
       * The message was not run, and is kept as a letter elsewhere: a queue with its own destination for rejected messages
       * (`deadLetterExchange`, where `capabilities.queueArguments`) sends it there as well.
       */
      readonly rejected?: boolean
    }
  /** Back to the head of its queue: `counts` states whether it is a redelivery (a lost worker) or not (a shutdown). */
  | { readonly kind: 'requeue'; readonly counts: boolean }
  /**
   * Into the delay store, unchanged, until `untilMs`. When due, it goes where the broker puts due messages, or, with `behind`, behind the
   * backlog of its queue.
   */
  | { readonly kind: 'postpone'; readonly untilMs: number; readonly behind?: boolean }
  | { readonly kind: 'dead-letter'; readonly letter: DeadLetter }
)

/** A running subscription to queues. */
export interface Consumer {
  /** Whether `Settlement.results` is stored here, in one step with the ack. */
  readonly settlesResults: boolean
  /**
   * Settles claims; calls in one tick share a round trip, and the next claim is sent with them. Resolves to the tags that were no longer
   * held, whose settlement had no effect.
   */
  settle(settlements: readonly Settlement[]): Promise<readonly string[]>
  /** Notes that `free()` has grown: claims messages if there are any. */
  demand(): void
  setQueues(queues: readonly string[]): Promise<void>
  /**
   * Ends the leases of holders whose processes have certainly died: their messages return to their queues at once, counted as lost.
   * Absent where the server notices a death by itself.
   */
  releaseDead?(holders: readonly string[]): Promise<void>
  /** Stops claiming but returns nothing: held messages stay held, are renewed, and can be settled until `close`. */
  pause(): Promise<void>
  /** Stops renewing and disconnects. Settle or requeue held messages first. */
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
  /** The consumer that has claimed it, as it called itself (`ConsumeOptions.holder`); undefined for a Python worker. */
  readonly holder?: string
  /** How often a holder was lost with it; undefined where that is not known. */
  readonly redeliveries?: number
  readonly raw: Buffer | string
}

/** Operators' actions on queues. */
export interface QueueAdmin {
  /** Returns the names of existing queues. */
  queues(): Promise<readonly string[]>
  /** Returns which of these exist; present where `queues` cannot list those of other programs. */
  existing?(names: readonly string[]): Promise<readonly string[]>
  /** Returns the bindings of queues to exchanges; absent where the broker does not report them. */
  bindings?(): Promise<readonly Binding[]>
  browse(
    queue: string,
    page: PageRequest & { readonly state?: QueuedMessage['state'] },
  ): Promise<Page<QueuedMessage>>
  /** Moves all waiting messages in atomic batches; returns how many. */
  move(from: string, to: string): Promise<number>
  /** Returns messages by task id, in any queue and state; each id may have several copies, or none. */
  find(ids: readonly string[]): Promise<readonly QueuedMessage[]>
  /** Removes waiting and delayed messages by task id; returns how many. */
  remove(ids: readonly string[]): Promise<number>
  /**
   * Makes waiting and delayed messages due now, or at `dueMs`, along with their own ETA (`withEta`), so that no worker postpones them
   * again; returns how many.
   */
  promote(ids: readonly string[], dueMs?: number): Promise<number>
}
