import { createHash } from 'node:crypto'
import type { Router } from '../../app/routing/index.js'
import type { Broker, Consumer, Delivery, Settlement } from '../../broker/index.js'
import {
  type Clock,
  ConfigurationError,
  crashPoint,
  type Logger,
  messageOf,
  newId,
} from '../../kernel/index.js'
import { type IncomingMessage, type OutgoingMessage, parseTime } from '../../message/index.js'
import { migrateDelayed } from './migrate-delayed.js'

/** One end of a migration. */
export interface MigrationEnd {
  readonly clock: Clock
  readonly logger: Logger
  readonly router: Router
  broker(): Promise<Broker>
}

/** The options of a migration. */
export interface MigrationOptions {
  /** Default: all queues of the source. */
  readonly queues?: readonly string[]
  /** The number of messages after which it ends. */
  readonly limit?: number
  /** Idle seconds after which it ends. Default 2. */
  readonly idleSeconds?: number
  /** Whether it continues until `signal`, moving new messages from producers. */
  readonly forever?: boolean
  readonly signal?: AbortSignal
  /** Called with the number moved so far. */
  readonly onMoved?: (moved: number) => void
}

/** The result of a migration. */
export interface Migration {
  readonly queues: readonly string[]
  /** Messages now at the destination and removed from the source. */
  readonly moved: number
  /** Unreadable messages, which are still at the source. */
  readonly unreadable: number
}

/** How long after a killed migration its claims return to the source. */
const LEASE_MS = 5_000
/** Messages in flight at once. */
const AT_ONCE = 500
/** How long the destination remembers accepted messages, so that a repetition after a crash is dropped. */
const ONCE_MS = 3_600_000
/** The id of a message's last move. */
const MOVE_HEADER = 'x-lovage-move'
const WEEK_MS = 7 * 24 * ONCE_MS

/**
 * Moves messages from one broker to another: published and confirmed at the destination, then removed from the source, so that none is
 * lost if it is killed at any point. It may be repeated, and continues where it stopped. A message that was published but not yet removed
 * at a kill is published again, and dropped by a destination that can (`capabilities.once`: Redis, SQLite, PostgreSQL); elsewhere it is
 * duplicated under its id.
 *
 * Messages held by workers stay with them; dead letters and results stay where they are.
 * @throws {ConfigurationError} LVG_USAGE when both ends are the same.
 * @throws {ConnectionError} when an end cannot be reached; messages not moved are still at the source.
 */
export async function migrateMessages(
  source: MigrationEnd,
  destination: MigrationEnd,
  options: MigrationOptions = {},
): Promise<Migration> {
  const [from, to] = await Promise.all([source.broker(), destination.broker()])
  if (from.kind === to.kind && from.location === to.location)
    throw new ConfigurationError(`Both are ${from.location}: there is nothing to migrate.`, {
      code: 'LVG_USAGE',
    })
  const queues = options.queues ?? (await from.admin.queues())
  const none = { queues, moved: 0, unreadable: 0 }
  if (queues.length === 0) return none
  await to.declare(queues.map((name) => source.router.queue(name)))
  const ready = await new Mover(source, from, to, queues, options).run()
  const limit = options.limit === undefined ? Number.POSITIVE_INFINITY : options.limit - ready.moved
  if (options.signal?.aborted || limit <= 0 || !from.capabilities.durableDelay || !from.capabilities.browsing)
    return { queues, ...ready }
  const delayed = await migrateDelayed(from, to, queues, {
    limit,
    outgoing: (message, queue, dueMs) => outgoing(message, queue, to, source.clock.now(), dueMs),
  })
  const moved = ready.moved + delayed.moved
  options.onMoved?.(moved)
  return { queues, moved, unreadable: ready.unreadable + delayed.unreadable }
}

/** Claims waiting messages, batch after batch. */
class Mover {
  readonly #source: MigrationEnd
  readonly #from: Broker
  readonly #to: Broker
  readonly #queues: readonly string[]
  readonly #options: MigrationOptions
  #consumer: Consumer | undefined
  #waiting: Delivery[] = []
  /** Unreadable claims; they go back at the end. */
  readonly #unreadable: string[] = []
  #held = 0
  #moved = 0
  #wake = (): void => {}

  constructor(
    source: MigrationEnd,
    from: Broker,
    to: Broker,
    queues: readonly string[],
    options: MigrationOptions,
  ) {
    this.#source = source
    this.#from = from
    this.#to = to
    this.#queues = queues
    this.#options = options
  }

  async run(): Promise<Pick<Migration, 'moved' | 'unreadable'>> {
    const { clock, logger } = this.#source
    const { idleSeconds = 2, forever = false, signal } = this.#options
    this.#consumer = await this.#from.consume({
      queues: this.#queues,
      holder: `migrate.${newId()}`,
      leaseMs: LEASE_MS,
      visibilityTimeoutMs: WEEK_MS,
      free: () => this.#free(),
      onDeliveries: (deliveries) => {
        this.#held += deliveries.length
        this.#waiting.push(...deliveries)
        this.#wake()
      },
      onLost: () => {},
      onError: (error) => logger.warn({ err: error }, `the source does not answer: ${messageOf(error)}`),
      clock,
      logger,
    })
    const onAbort = (): void => this.#wake()
    signal?.addEventListener('abort', onAbort)
    try {
      while (!signal?.aborted && this.#left > 0) {
        const batch = this.#waiting
        this.#waiting = []
        if (batch.length > 0) await this.#move(batch)
        else if (!(await this.#somethingComes(idleSeconds * 1000)) && !forever) break
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      await this.#end()
    }
    return { moved: this.#moved, unreadable: this.#unreadable.length }
  }

  get #left(): number {
    return (this.#options.limit ?? Number.POSITIVE_INFINITY) - this.#moved
  }

  #free(): number {
    const { limit = Number.POSITIVE_INFINITY, signal } = this.#options
    if (signal?.aborted) return 0
    return Math.max(0, Math.min(AT_ONCE - this.#held, limit - this.#moved - this.#held))
  }

  async #move(batch: readonly Delivery[]): Promise<void> {
    const nowMs = this.#source.clock.now()
    const readable: { readonly tag: string; readonly message: OutgoingMessage }[] = []
    for (const { tag, queue, message } of batch) {
      if (message instanceof Error) this.#unreadable.push(tag)
      else readable.push({ tag, message: outgoing(message, queue, this.#to, nowMs) })
    }
    this.#held -= batch.length
    if (readable.length === 0) return
    crashPoint('migrate:before-publish')
    try {
      await this.#to.publish(readable.map(({ message }) => message))
    } catch (error) {
      this.#unreadable.push(...readable.map(({ tag }) => tag))
      throw error
    }
    crashPoint('migrate:after-publish')
    await this.#consumer?.settle(readable.map(({ tag }): Settlement => ({ tag, kind: 'ack' })))
    crashPoint('migrate:after-removal')
    this.#moved += readable.length
    this.#options.onMoved?.(this.#moved)
    this.#consumer?.demand()
  }

  #somethingComes(ms: number): Promise<boolean> {
    if (this.#waiting.length > 0) return Promise.resolve(true)
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(this.#waiting.length > 0), ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
  }

  /** Returns claims that were not moved. */
  async #end(): Promise<void> {
    await this.#consumer?.pause()
    const tags = [...this.#waiting.map(({ tag }) => tag), ...this.#unreadable]
    if (tags.length > 0)
      await this.#consumer?.settle(tags.map((tag): Settlement => ({ tag, kind: 'requeue', counts: false })))
    await this.#consumer?.close()
  }
}

/** The message for the queue of the same name, with its own ETA kept. */
function outgoing(
  { redelivered: _redelivered, ...message }: IncomingMessage,
  queue: string,
  { capabilities }: Broker,
  nowMs: number,
  dueMs?: number,
): OutgoingMessage {
  const { id, retries, eta, [MOVE_HEADER]: lastMove } = message.headers
  const etaMs = dueMs ?? (typeof eta === 'string' ? parseTime(eta) : undefined)
  const isLater = etaMs !== undefined && etaMs > nowMs
  // A message that was moved from here before and came back is a different one: its last move distinguishes it.
  const source = [id, retries ?? 0, lastMove ?? '', digestOf(message.body)].map(String).join(':')
  return {
    ...message,
    headers: { ...message.headers, [MOVE_HEADER]: newId() },
    exchange: '',
    routingKey: queue,
    // A delayed message without an ETA must be delayed by the broker; others are put aside by workers.
    ...(isLater && (capabilities.delayAtPublish || (dueMs !== undefined && capabilities.durableDelay))
      ? { dueMs: etaMs }
      : {}),
    ...(typeof id === 'string' && capabilities.once
      ? { once: { key: `migrate:${queue}:${source}`, ttlMs: ONCE_MS } }
      : {}),
  }
}

const digestOf = (body: Buffer | string): string => createHash('sha1').update(body).digest('hex').slice(0, 16)
