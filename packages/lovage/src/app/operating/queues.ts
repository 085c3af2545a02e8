import type { Broker, QueuedMessage } from '../../broker/index.js'
import { CapabilityError, ConfigurationError, type Page, type PageRequest } from '../../kernel/index.js'
import {
  decodeTask,
  type IncomingMessage,
  parseTime,
  readHeaders,
  SENT_HEADER,
  type TaskHeaders,
} from '../../message/index.js'
import type { AppCore } from '../core/index.js'
import type { FullQueueReport, messageIn as read } from '../fleet/index.js'
import { acceptOf } from '../sending/index.js'
import { fleet } from './fleet.js'

/** A task in a queue. */
export interface QueuedTask extends QueuedMessage {
  /** Shown instead of the task's name. */
  readonly shadow: string | null
  /** Its arguments as shown in logs; empty when the message cannot be read. */
  readonly argsrepr: string
  readonly kwargsrepr: string
  /** Retries so far. */
  readonly retries: number
  /** Its producer. */
  readonly origin: string
  /** 0 to 9, higher first, as in calls; undefined when its message has none. */
  readonly priority?: number
  /** Unix ms since when it could have run: it was sent, or due; undefined when its producer did not say (Python's does not). */
  readonly waitingSinceMs?: number
}

/** A task in a queue with its arguments. */
export interface OpenedTask extends QueuedTask {
  readonly headers?: TaskHeaders
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** Why it cannot be read. */
  readonly unreadable?: string
}

/** When a task should run: in this many seconds, or at a time. */
export type Due = { readonly countdown: number } | { readonly eta: Date }

/**
 * Ready and delayed tasks, to inspect and to change: `app.queues`. Tasks held by a worker are read-only here;
 * `app.control.revoke` stops them. All but `names`, `report`, `move` and `purge` need a broker with `capabilities.browsing`.
 *
 * @example
 * const [mails] = await app.queues.report(['mail'])
 * console.log(mails?.ready, mails?.delayed)
 * const task = await app.queues.peek(id)
 * await app.queues.promote([id])
 * await app.queues.remove([id])
 */
export class Queues {
  readonly #core: AppCore

  constructor(core: AppCore) {
    this.#core = core
  }

  /** Queues that the settings, the routes or the tasks name, followed by other existing ones. */
  names(): Promise<readonly string[]> {
    return fleet().then(({ knownQueues }) => knownQueues(this.#core))
  }

  /** The message counts of these queues, and their tasks that have lost several workers; without names, of all queues. */
  async report(names?: readonly string[]): Promise<readonly FullQueueReport[]> {
    return (await fleet()).fullQueueReport(this.#core, names ?? (await this.names()))
  }

  /**
   * One page of a queue: ready tasks in order of delivery, then delayed tasks by due time, then tasks held by workers.
   * @throws {CapabilityError} LVG_CAPABILITY_MISSING when the broker cannot show its messages.
   */
  async list(
    queue: string,
    page: PageRequest & { readonly state?: QueuedTask['state'] } = {},
  ): Promise<Page<QueuedTask>> {
    const broker = await this.#browsing()
    const { items, next } = await broker.admin.browse(queue, page)
    const { messageIn } = await fleet()
    const tasks = items.map((item) => described(item, messageIn(item, broker)))
    return next === undefined ? { items: tasks } : { items: tasks, next }
  }

  /** All of a queue, a page at a time. Concurrent consumption may shift pages. */
  async *each(
    queue: string,
    choice: { readonly state?: QueuedTask['state'] } = {},
  ): AsyncGenerator<QueuedTask> {
    let after: string | undefined
    do {
      const page = await this.list(queue, {
        ...choice,
        limit: 500,
        ...(after === undefined ? {} : { after }),
      })
      yield* page.items
      after = page.next
    } while (after !== undefined)
  }

  /** Tasks by id, whatever their queue and state. */
  async find(ids: readonly string[]): Promise<readonly QueuedTask[]> {
    const broker = await this.#browsing()
    const { messageIn } = await fleet()
    return (await broker.admin.find(ids)).map((item) => described(item, messageIn(item, broker)))
  }

  /** A task with its arguments; undefined when it is in no queue. */
  async peek(id: string): Promise<OpenedTask | undefined> {
    const broker = await this.#browsing()
    const [item] = await broker.admin.find([id])
    if (!item) return undefined
    return this.#opened(item, (await fleet()).messageIn(item, broker))
  }

  /** Same as `list`, each task with its arguments. */
  async open(
    queue: string,
    page: PageRequest & { readonly state?: QueuedTask['state'] } = {},
  ): Promise<Page<OpenedTask>> {
    const broker = await this.#browsing()
    const { items, next } = await broker.admin.browse(queue, page)
    const { messageIn } = await fleet()
    const tasks = items.map((item) => this.#opened(item, messageIn(item, broker)))
    return next === undefined ? { items: tasks } : { items: tasks, next }
  }

  #opened(item: QueuedMessage, message: ReturnType<typeof read>): OpenedTask {
    const task = described(item, message)
    if (message instanceof Error) return { ...task, unreadable: message.message }
    const { conf } = this.#core
    const call = decodeTask(message, {
      accept: acceptOf(conf),
      maxBytes: conf.messageMaxBytes,
      maxInflatedBytes: conf.messageMaxDecompressedBytes,
      integers: conf.integers,
    })
    if (call instanceof Error) return { ...task, unreadable: call.message }
    const { headers, args, kwargs } = call
    return { ...task, headers, args, kwargs }
  }

  /** Makes tasks run now instead of later, ahead of waiting tasks where the broker supports it; returns how many messages were found. */
  async promote(ids: readonly string[]): Promise<number> {
    const broker = await this.#browsing()
    return ids.length === 0 ? 0 : broker.admin.promote(ids)
  }

  /**
   * Makes tasks run at another time, earlier or later, including ready ones; returns how many messages were found.
   * @throws {ConfigurationError} LVG_USAGE for an invalid time.
   */
  async reschedule(ids: readonly string[], when: Due): Promise<number> {
    const dueMs = 'eta' in when ? when.eta.getTime() : this.#core.clock.now() + when.countdown * 1000
    if (!Number.isFinite(dueMs))
      throw new ConfigurationError('The time at which to run the tasks is not a valid date.', {
        code: 'LVG_USAGE',
      })
    const broker = await this.#browsing()
    return ids.length === 0 ? 0 : broker.admin.promote(ids, dueMs)
  }

  /**
   * Deletes waiting tasks, ready or delayed, permanently; callers waiting for their results see them revoked. Returns how many
   * messages were removed. If a chord's member is removed, the chord waits until its deadline: revoke such a task instead.
   */
  async remove(ids: readonly string[]): Promise<number> {
    const { admin } = await this.#browsing()
    const found = (await admin.find(ids)).filter(({ state }) => state !== 'unacked')
    const waiting = [...new Set(found.map(({ id }) => id))]
    if (waiting.length === 0) return 0
    // Revoked first: a message that a worker claims at this moment is dropped there.
    const { freeKeysOf, revoke, renewLines } = await fleet()
    await revoke(this.#core, waiting, {})
    const removed = await admin.remove(waiting)
    await freeKeysOf(this.#core, waiting)
    await renewLines(this.#core)
    return removed
  }

  /** Moves all ready messages into another queue, in atomic batches; returns how many. */
  async move(from: string, to: string): Promise<number> {
    return (await this.#core.broker()).admin.move(from, to)
  }

  /** Removes all ready and delayed messages of a queue; returns how many. */
  async purge(queue: string): Promise<number> {
    return (await fleet()).purgeQueue(this.#core, queue)
  }

  async #browsing(): Promise<Broker> {
    const broker = await this.#core.broker()
    if (broker.capabilities.browsing) return broker
    throw new CapabilityError(`${broker.kind} cannot list or change single messages of a queue.`, {
      code: 'LVG_CAPABILITY_MISSING',
      hint: 'Revoke tasks by id instead (app.control.revoke, lovage control revoke).',
    })
  }
}

function described(item: QueuedMessage, message: ReturnType<typeof read>): QueuedTask {
  const headers = message instanceof Error ? message : readHeaders(message)
  if (headers instanceof Error)
    return { ...item, shadow: null, argsrepr: '', kwargsrepr: '', retries: 0, origin: '' }
  const { shadow, argsrepr, kwargsrepr, retries, origin, eta } = headers
  const times = [headers[SENT_HEADER], eta === null ? undefined : parseTime(eta)].filter(
    (time): time is number => typeof time === 'number',
  )
  const waiting = times.length > 0 ? { waitingSinceMs: Math.max(...times) } : {}
  return {
    ...item,
    shadow,
    argsrepr,
    kwargsrepr,
    retries,
    origin,
    ...priorityOf(message),
    ...waiting,
  }
}

function priorityOf(message: IncomingMessage | Error): { readonly priority?: number } {
  const priority = message instanceof Error ? undefined : message.properties.priority
  return priority === undefined ? {} : { priority }
}
