import {
  type Broker,
  type BrokerCapabilities,
  type ConsumeOptions,
  type Consumer,
  type DepthOptions,
  priorityFromWire,
  priorityToWire,
  type Queue,
  type QueueDepth,
} from '../../../broker/index.js'
import type { DeadLetterStore } from '../../../dead-letter/index.js'
import { decodeEnvelope, encodeEnvelope } from '../../../envelope/index.js'
import {
  ConnectionError,
  type DriverOptions,
  isLovageError,
  newId,
  type Unsubscribe,
} from '../../../kernel/index.js'
import type { IncomingMessage, OutgoingMessage } from '../../../message/index.js'
import { bindingOf, keptLease, LeasedConsumer, matchesTopic, safeListener } from '../../shared/index.js'
import { openSqliteFile, type SqliteFile } from '../file/index.js'
import { sqliteDeadLetters } from '../letters/sqlite-dead-letters.js'
import { loadMessages, type MessageProcedures } from './procedures.js'
import { SqliteAdmin } from './sqlite-admin.js'
import { publishRow, SqliteClaimPort } from './sqlite-claim-port.js'

/**
 * Opens the broker in the file that a `sqlite://` URL names. Any number of processes on one machine share it.
 *
 * @throws ConfigurationError for an invalid URL; ConnectionError LVG_STORE_… when the file cannot be used.
 */
export async function openSqliteBroker(
  url: string,
  options: Pick<DriverOptions, 'clock' | 'logger'>,
): Promise<Broker> {
  const file = await openSqliteFile(url)
  try {
    return new SqliteBroker(file, await loadMessages(file), await sqliteDeadLetters(file), options)
  } catch (error) {
    await file.close()
    throw error
  }
}

/** How often a listener is announced; an announcement is valid for a minute. */
const RENEW_MS = 15_000

class SqliteBroker implements Broker {
  readonly kind = 'sqlite'
  readonly location: string
  readonly capabilities: BrokerCapabilities = {
    priorities: true,
    durableDelay: true,
    leases: true,
    atomicSettle: true,
    delayAtPublish: true,
    fanout: true,
    once: true,
    browsing: true,
    shared: true,
  }
  readonly admin: SqliteAdmin
  readonly deadLetters: DeadLetterStore
  readonly #file: SqliteFile
  readonly #procedures: MessageProcedures
  readonly #options: Pick<DriverOptions, 'clock' | 'logger'>
  readonly #consumers = new Set<LeasedConsumer>()
  /** Ends all listeners. */
  readonly #listening = new Set<Unsubscribe>()

  constructor(
    file: SqliteFile,
    procedures: MessageProcedures,
    deadLetters: DeadLetterStore,
    options: Pick<DriverOptions, 'clock' | 'logger'>,
  ) {
    this.location = file.path
    this.deadLetters = deadLetters
    this.admin = new SqliteAdmin(procedures)
    this.#file = file
    this.#procedures = procedures
    this.#options = options
  }

  async check(): Promise<readonly string[]> {
    await this.admin.queues()
    return []
  }

  async declare(queues: readonly Queue[]): Promise<void> {
    await this.#procedures.call('declare', queues.map(bindingOf))
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    const rows = messages.map(publishRow)
    try {
      await this.#procedures.call('publish', { rows, nowMs: this.#options.clock.now() })
    } catch (error) {
      // The thread has died, and its unanswered calls may have reached the file.
      if (!isLovageError(error) || error.code !== 'LVG_CONNECTION_FAILED') throw error
      throw new ConnectionError(
        `The thread that works on ${this.location} died before it confirmed what was published`,
        { code: 'LVG_PUBLISH_UNCERTAIN', details: { ids: rows.map(({ taskId }) => taskId) }, cause: error },
      )
    }
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    await this.#procedures.call('attach', keptLease(options, options.leaseMs / 3))
    const port = new SqliteClaimPort(this.#file, this.#procedures, options)
    const consumer = await LeasedConsumer.start(port, options, {
      // The thread renews it; `detach` ends that.
      release: () => {},
      onClosed: (closed) => this.#consumers.delete(closed),
    })
    this.#consumers.add(consumer)
    return consumer
  }

  async broadcast(message: OutgoingMessage): Promise<number> {
    const raw = encodeEnvelope(message, priorityToWire, newId())
    return this.#procedures.call('broadcast', {
      exchange: message.exchange,
      routingKey: message.routingKey,
      raw,
      isTransient: message.properties.deliveryMode === 1,
    })
  }

  async subscribe(
    exchange: string,
    on: (message: IncomingMessage) => void,
    pattern = '#',
  ): Promise<Unsubscribe> {
    const listener = { id: newId(), exchange }
    let last = await this.#procedures.call('lastHeard', undefined)
    await this.#procedures.call('listen', listener)
    const renewal = setInterval(() => {
      this.#procedures.call('listen', listener).catch((error: unknown) => {
        if (isListening) this.#options.logger.warn({ err: error, exchange }, 'cannot renew a subscription')
      })
    }, RENEW_MS).unref()
    const hear = safeListener(exchange, on, this.#options.logger)
    let isListening = true
    let listening = Promise.resolve()
    const listen = async (): Promise<void> => {
      for (const [id, routingKey, raw] of await this.#procedures.call('heard', { exchange, last })) {
        if (!isListening || id <= last) continue
        last = id
        if (!matchesTopic(pattern, routingKey)) continue
        const message = decodeEnvelope(raw, priorityFromWire)
        if (message instanceof Error)
          this.#options.logger.warn({ err: message, exchange }, 'a broadcast could not be read')
        else hear(message)
      }
    }
    const stop = this.#file.watch('broadcasts', () => {
      listening = listening.then(listen).catch((error: unknown) => {
        if (isListening) this.#options.logger.warn({ err: error, exchange }, 'broadcasts could not be read')
      })
    })
    const end = (): void => {
      if (!this.#listening.delete(end)) return
      isListening = false
      clearInterval(renewal)
      stop()
      // A row that stays is skipped once it has expired.
      this.#procedures.call('listenNoMore', listener.id).catch(() => {})
    }
    this.#listening.add(end)
    return end
  }

  /** Replies are broadcasts here: none is kept for a caller that is gone. */
  async reply(message: OutgoingMessage): Promise<void> {
    await this.broadcast(message)
  }

  inbox(exchange: string, routingKey: string, on: (message: IncomingMessage) => void): Promise<Unsubscribe> {
    return this.subscribe(exchange, on, routingKey)
  }

  async depths(
    queues: readonly string[],
    { dueByMs }: DepthOptions = {},
  ): Promise<ReadonlyMap<string, QueueDepth>> {
    const counts = new Map(queues.map((name) => [name, [0, 0, 0]]))
    for (const [queue, state, count] of await this.#procedures.call('depths', queues))
      counts.get(queue)?.splice(state, 1, count)
    const due =
      dueByMs === undefined
        ? undefined
        : new Map(await this.#procedures.call('due', { queues, byMs: dueByMs }))
    return new Map(
      [...counts].map(([name, [ready = 0, delayed = 0, unacked = 0]]) => [
        name,
        { ready, delayed, unacked, ...(due ? { due: due.get(name) ?? 0 } : {}) },
      ]),
    )
  }

  purge(queue: string): Promise<number> {
    return this.#procedures.call('purge', queue)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()))
    for (const end of [...this.#listening]) end()
    await this.#file.close()
  }
}
