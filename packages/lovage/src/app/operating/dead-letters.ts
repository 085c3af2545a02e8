import type { DeadLetter, DeadLetterQuery } from '../../dead-letter/index.js'
import { ConfigurationError, MessageError, nearest, newId, type Page } from '../../kernel/index.js'
import { encodeTask, type TaskMessage } from '../../message/index.js'
import type { AppCore } from '../core/index.js'
import type { DeadLetterStats, LetterEdit, OpenedLetter, Redriven, RedriveOptions } from '../fleet/index.js'
import { priorityToWire } from '../routing/index.js'
import { signerOf } from '../sending/index.js'
import { hideArguments, hideByName } from '../tasks/index.js'
import { fleet } from './fleet.js'

/** A selection of letters: ids of letters or of tasks, or conditions (`ids` too) that must all hold; `{}` = all. */
export type LetterChoice = string | readonly string[] | Omit<DeadLetterQuery, 'limit' | 'after'>

/** The outcome of a redrive. */
export interface Redrive {
  /** Letters that went back to their queue. */
  readonly retried: number
  /** Letters whose message cannot be read; they stay. */
  readonly unreadable: readonly string[]
}

/** A failure reported by another part of a program. */
export interface ReportedFailure {
  readonly taskId?: string
  readonly task: string
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  readonly error: unknown
  /** The queue a redrive sends it to. Default: the default queue. */
  readonly queue?: string
  /** The reporter of the failure. Default: this app. */
  readonly worker?: string
}

const PAGE = 500
const DAY_MS = 86_400_000

function queryOf(choice: LetterChoice): Omit<DeadLetterQuery, 'limit' | 'after'> {
  if (typeof choice === 'string') return { ids: [choice] }
  if (Array.isArray(choice)) return { ids: choice }
  // `Array.isArray` does not narrow readonly lists.
  const query = choice as Exclude<typeof choice, readonly string[]>
  for (const name of Object.keys(query)) if (!CONDITIONS.includes(name)) throw unknownCondition(name)
  return query
}

const CONDITIONS: readonly string[] = ['queue', 'task', 'reason', 'ids', 'failedBeforeMs']

/** A misspelt condition holds for every letter: it would send all of them back, or remove them. */
function unknownCondition(name: string): ConfigurationError {
  const near = nearest(name, CONDITIONS)
  return new ConfigurationError(
    `Dead letters have no condition ${name}${near ? `; did you mean ${near}?` : '.'}`,
    {
      code: 'LVG_CONFIG_UNKNOWN',
      details: { condition: name },
      hint: `Conditions are ${CONDITIONS.join(', ')}; {} chooses all letters.`,
    },
  )
}

/**
 * Operations on messages that no worker will run again by itself: `app.deadLetters`.
 *
 * @example
 * const { items } = await app.deadLetters.list({ queue: 'mail', limit: 10 })
 * console.log(items.map(({ task, error }) => `${task}: ${error.message}`))
 * await app.deadLetters.retry({ task: 'mail.send' }, { rate: 50 })
 * await app.deadLetters.purge({ ids: [id] })
 */
export class DeadLetters {
  readonly #core: AppCore

  constructor(core: AppCore) {
    this.#core = core
  }

  /** One page, newest first. */
  async list(query: DeadLetterQuery = {}): Promise<Page<DeadLetter>> {
    const { limit, after, ...choice } = query
    queryOf(choice)
    return (await this.#core.broker()).deadLetters.list(query)
  }

  /** All selected letters, newest first, fetched a page at a time; letters that arrive meanwhile are not included. */
  async *each(choice: LetterChoice = {}): AsyncGenerator<DeadLetter> {
    for await (const page of this.#pages(choice)) yield* page
  }

  /** A letter by its own id or its task's (then the newest), with arguments and the error of every attempt. */
  async show(id: string): Promise<OpenedLetter | undefined> {
    for await (const letter of this.each(id)) return this.open(letter)
    return undefined
  }

  /** Reads the message of a letter. */
  async open(letter: DeadLetter): Promise<OpenedLetter> {
    return (await fleet()).openLetter(letter, await this.#core.broker(), this.#core.conf)
  }

  /** The arguments of a letter's task, its secrets masked, and its headers; undefined when it cannot be read. */
  shownCall({ call, isEncrypted }: OpenedLetter): TaskMessage | undefined {
    if (!call) return undefined
    const task = this.#core.tasks.get(call.headers.task)
    const redact = isEncrypted ? true : task?.options.redact
    const hidden = hideArguments({ redact, params: task?.definition.params }, call)
    // Values are masked, not names: the headers stay headers.
    return { ...call, ...hidden, headers: hideByName(call.headers) as typeof call.headers }
  }

  /** Letters by queue, task, reason and type of error. Reads them all. */
  async stats(choice: LetterChoice = {}): Promise<DeadLetterStats> {
    return (await fleet()).countLetters(this.each(choice))
  }

  /** How many letters came from each queue. */
  async queues(): Promise<ReadonlyMap<string, number>> {
    return (await this.#core.broker()).deadLetters.count()
  }

  /**
   * Sends letters back to the queue they came from, as a first attempt under the same task id. None is lost or
   * sent twice, even if this process is killed midway and the redrive is repeated, or another redrive runs at
   * the same time (brokers without `capabilities.once`: at least once).
   */
  async retry(choice: LetterChoice, options: RedriveOptions = {}): Promise<Redrive> {
    const broker = await this.#core.broker()
    const { messageIn, redrive, redriveMessage } = await fleet()
    const unreadable: string[] = []
    let retried = 0
    for await (const letters of this.#pages(choice)) {
      const redriven: Redriven[] = []
      for (const letter of letters) {
        const message = messageIn(letter, broker)
        if (message instanceof Error) unreadable.push(letter.id)
        else
          redriven.push({ letter, message: redriveMessage(letter, message, options.queue ?? letter.queue) })
      }
      retried += await redrive(broker, redriven, options, this.#core)
    }
    return { retried, unreadable }
  }

  /**
   * Sends one letter back with other arguments; its callbacks and its place in a canvas are unchanged.
   * @throws {ConfigurationError} LVG_DEAD_LETTER_NOT_FOUND.
   * @throws {MessageError} LVG_DEAD_LETTER_UNREADABLE, LVG_MESSAGE_UNSERIALISABLE.
   */
  async edit(id: string, edit: LetterEdit): Promise<void> {
    const opened = await this.show(id)
    if (!opened)
      throw new ConfigurationError(`There is no dead letter ${id}.`, { code: 'LVG_DEAD_LETTER_NOT_FOUND' })
    const { letter } = opened
    const broker = await this.#core.broker()
    const { editedMessage, messageIn, redrive } = await fleet()
    const original = messageIn(letter, broker)
    const message =
      original instanceof Error
        ? undefined
        : editedMessage(opened, original, edit, signerOf(this.#core.conf, original.contentType))
    if (!message)
      throw new MessageError(`The message of ${letter.id} cannot be read: ${opened.unreadable}`, {
        code: 'LVG_DEAD_LETTER_UNREADABLE',
      })
    await redrive(broker, [{ letter, message }], {}, this.#core)
  }

  /** Deletes letters permanently; returns how many. */
  async purge(choice: LetterChoice): Promise<number> {
    const { deadLetters } = await this.#core.broker()
    let removed = 0
    for await (const letters of this.#pages(choice))
      removed += (await deadLetters.take(letters.map(({ id }) => id))).length
    return removed
  }

  /**
   * Removes letters older than this many days (default 30) that are resolved: their task has since succeeded, however it was
   * run again. Letters retried here are gone already. With `unresolved` the others are deleted too, permanently. Returns how many.
   */
  async cleanup(days = 30, { unresolved = false }: { readonly unresolved?: boolean } = {}): Promise<number> {
    const old = { failedBeforeMs: this.#core.clock.now() - days * DAY_MS }
    if (unresolved) return this.purge(old)
    if (!this.#core.hasResults) return 0
    const [{ deadLetters }, results] = await Promise.all([this.#core.broker(), this.#core.results()])
    let removed = 0
    for await (const letters of this.#pages(old)) {
      const found = await results.get(letters.flatMap(({ taskId }) => taskId ?? []))
      const succeeded = new Set(found.flatMap(({ id, state }) => (state === 'SUCCESS' ? [id] : [])))
      const resolved = letters.filter(({ taskId }) => taskId !== null && succeeded.has(taskId))
      if (resolved.length > 0) removed += (await deadLetters.take(resolved.map(({ id }) => id))).length
    }
    return removed
  }

  /** Stores a failure that this app's workers did not see as a dead letter, for inspection and retry; returns its id. */
  async add(failure: ReportedFailure): Promise<string> {
    const { clock, conf } = this.#core
    const broker = await this.#core.broker()
    const { taskId = newId(), task, args = [], kwargs = {}, error, worker = 'app' } = failure
    const queue = failure.queue ?? conf.taskDefaultQueue
    const nowMs = clock.now()
    const message = encodeTask({ task, id: taskId, args, kwargs, routingKey: queue }, { nowMs })
    const { encodeEnvelope } = await import('../../envelope/index.js')
    const wire = priorityToWire(broker.capabilities)
    const toWire = (priority: number | undefined): number => (priority === undefined ? 0 : wire(priority))
    const letter: DeadLetter = {
      // Each report is a failure of its own.
      id: `${taskId}.reported-${newId().slice(0, 13)}`,
      taskId,
      task,
      queue,
      reason: 'failed',
      error: {
        type: error instanceof Error ? error.name : 'Error',
        message: error instanceof Error ? error.message : String(error),
        traceback: error instanceof Error ? (error.stack ?? null) : null,
      },
      retries: 0,
      redeliveries: 0,
      worker,
      failedMs: nowMs,
      raw: encodeEnvelope(message, toWire, newId()),
    }
    await broker.deadLetters.add([letter])
    return letter.id
  }

  /** Pages by cursor: removals behind it and arrivals before it do not affect it. */
  async *#pages(choice: LetterChoice): AsyncGenerator<readonly DeadLetter[]> {
    const { deadLetters } = await this.#core.broker()
    const query = queryOf(choice)
    let after: string | undefined
    do {
      const page = await deadLetters.list({ ...query, limit: PAGE, ...(after ? { after } : {}) })
      if (page.items.length > 0) yield page.items
      after = page.next
    } while (after !== undefined)
  }
}
