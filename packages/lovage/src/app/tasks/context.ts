import { AsyncLocalStorage } from 'node:async_hooks'
import type { Canvas } from '../../canvas/index.js'
import { type EventFields, eventType } from '../../events/index.js'
import { type Logger, TaskError } from '../../kernel/index.js'
import {
  customHeaders,
  type Embed,
  ENCRYPTED_TYPE,
  type ErrorMap,
  encodeJson,
  type IncomingMessage,
  lifeOf,
  type MessageProperties,
  NO_EMBED,
  parseTime,
  type TaskHeaders,
  type TaskMessage,
} from '../../message/index.js'
import type { ResultBackend, ResultTuple } from '../../result/index.js'
import { ABORTED } from '../results/index.js'
import type { AnySignature } from './canvas/signature.js'
import { Replace, Retry, type RetryRequest } from './signals.js'
import { type Cursor, type StepStore, Steps } from './steps.js'
import { TaskAbortedError } from './stop-reasons.js'
import type { TaskOptions } from './task-options.js'

/** How a message reached the task. */
export interface DeliveryInfo {
  readonly exchange: string
  readonly routingKey: string
  /** The queue it was taken from; null for eager and direct calls. */
  readonly queue: string | null
  /** 0–9, higher first; null = the wire's default. */
  readonly priority: number | null
  readonly redelivered: boolean
}

/** A task, as its own run sees it. */
export interface RunningTask {
  readonly name: string
  readonly options: TaskOptions
  /** Absent in contexts that tests make. */
  readonly definition?: { readonly params?: readonly string[] }
}

/** The surroundings of a run, supplied by the code that executes it. */
export interface RunEnvironment {
  readonly logger: Logger
  /** Name of the worker, `name@host`; of the process for eager calls. */
  readonly hostname: string
  readonly isEager: boolean
  /** How many tasks may run at once in this process. Default 1. */
  readonly slots?: () => number
  /** Stores a state of the task's own (`PROGRESS`). */
  updateState(context: TaskContext, state: string, meta: unknown): Promise<void>
  /** Sends an event of the task's own; absent where no monitor could receive it. */
  sendEvent?(context: TaskContext, type: string, fields: EventFields): void
  /** Adds a member to the chord that the task belongs to. */
  addToChord?(context: TaskContext, canvas: Canvas, place: number): Promise<void>
  /** Where results are stored, for tasks that may be aborted; absent when results are not stored. */
  results?(): Promise<ResultBackend>
  /** The app's errors with counterparts in Python. */
  readonly errors?: ErrorMap
  /** Where finished steps are kept; absent = only this run remembers them. */
  readonly steps?: StepStore
}

/**
 * A task's view of its own run: Celery's `self.request`, plus the operations available from inside a task.
 *
 * @example
 * const task = app.task({
 *   name: 'report.build',
 *   run: async (ctx, month: string) => {
 *     ctx.logger.info({ month }, `attempt ${ctx.retries + 1} of ${ctx.id}`)
 *     await fetch('https://example.com', { signal: ctx.signal })
 *   },
 * })
 */
export class TaskContext {
  /** The task being run. */
  readonly task: RunningTask
  /** Positional arguments as they arrived. */
  readonly args: readonly unknown[]
  /** Named arguments as they arrived. */
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly deliveryInfo: DeliveryInfo
  readonly correlationId: string | null
  readonly replyTo: string | null
  /** The message's properties, as its sender set them: Celery's `self.request.properties`. */
  readonly properties: MessageProperties
  /** The arguments hidden in logs, events and listings: those the task lists, or all of them when they arrived encrypted. */
  readonly redact: TaskOptions['redact']
  /** Results of the tasks that this run has sent. */
  readonly children: ResultTuple[] = []
  /** The follow-ups listed in the message. */
  readonly embed: Embed
  /** Headers for the messages sent when the task ends: its next step, callbacks and errbacks. For middleware. */
  followHeaders: (() => Readonly<Record<string, unknown>>) | undefined
  readonly #headers: TaskHeaders
  readonly #environment: RunEnvironment
  #controller: AbortController | undefined
  #steps: Steps | undefined
  #unthrown: 'retry' | 'replace' | undefined
  #added = 0
  #logger: Logger | undefined

  constructor(
    task: RunningTask,
    call: {
      readonly headers: TaskHeaders
      readonly args: readonly unknown[]
      readonly kwargs: Readonly<Record<string, unknown>>
      readonly embed?: Embed
    },
    delivery: {
      readonly info: DeliveryInfo
      readonly correlationId: string | null
      readonly replyTo: string | null
      readonly isEncrypted?: boolean
      readonly properties?: MessageProperties
    },
    environment: RunEnvironment,
  ) {
    this.task = task
    this.args = call.args
    this.kwargs = call.kwargs
    this.embed = call.embed ?? NO_EMBED
    this.deliveryInfo = delivery.info
    this.correlationId = delivery.correlationId
    this.replyTo = delivery.replyTo
    const { correlationId, replyTo } = delivery
    this.properties = delivery.properties ?? { correlationId, replyTo, deliveryMode: 2 }
    this.redact = delivery.isEncrypted ? true : task.options.redact
    this.#headers = call.headers
    this.#environment = environment
  }

  get id(): string {
    return this.#headers.id
  }
  get name(): string {
    return this.#headers.task
  }
  /** Retries before this run: 0 on the first. */
  get retries(): number {
    return this.#headers.retries
  }
  /** null = for ever. */
  get maxRetries(): number | null {
    return this.task.options.maxRetries ?? null
  }
  get eta(): Date | null {
    return dateOf(this.#headers.eta)
  }
  get expires(): Date | null {
    return dateOf(this.#headers.expires)
  }
  get rootId(): string {
    return this.#headers.root_id ?? this.#headers.id
  }
  get parentId(): string | null {
    return this.#headers.parent_id
  }
  get groupId(): string | null {
    return this.#headers.group
  }
  get groupIndex(): number | null {
    return this.#headers.group_index
  }
  /** The producer: `gen<pid>@<host>`, or a worker's name. */
  get origin(): string {
    return this.#headers.origin
  }
  get shadow(): string | null {
    return this.#headers.shadow
  }
  /** Seconds, hard limit first. */
  get timeLimit(): readonly [hard: number | null, soft: number | null] {
    return this.#headers.timelimit ?? [null, null]
  }
  /** Whether nothing is stored for this run: as its call says, else as the task's option or the setting says. */
  get ignoreResult(): boolean {
    return this.#headers.ignore_result ?? this.task.options.ignoreResult === true
  }
  get stamps(): Readonly<Record<string, unknown>> {
    return this.#headers.stamps
  }
  /** Custom headers: the call's headers that are not Celery's own. */
  get headers(): Readonly<Record<string, unknown>> {
    return customHeaders(this.#headers)
  }
  /** All headers, in Celery's spelling. */
  get wireHeaders(): TaskHeaders {
    return this.#headers
  }
  /** Name of the worker that runs this task. */
  get hostname(): string {
    return this.#environment.hostname
  }
  get isEager(): boolean {
    return this.#environment.isEager
  }
  /** How many tasks may run at once in this process. */
  get slots(): number {
    return this.#environment.slots?.() ?? 1
  }
  /** A logger whose lines carry `task_id`, `task_name` and `retry_count`. */
  get logger(): Logger {
    this.#logger ??= this.#environment.logger.child({
      task_id: this.id,
      task_name: this.name,
      retry_count: this.retries,
    })
    return this.#logger
  }
  /** Aborted when the task should stop: time limit, revoke or cold shutdown. Its reason says which. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }
  /** Asks the run to stop; for the code that executes it. @internal */
  abort(reason: unknown): void {
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }

  /**
   * Whether this task has been asked to abort itself (`result.abort()`, or Python's `AbortableAsyncResult`). Queries the result
   * backend; with the option `abortable` the signal reports it immediately, without a query.
   */
  async isAborted(): Promise<boolean> {
    if (this.#controller?.signal.reason instanceof TaskAbortedError) return true
    const [found] = (await (await this.results())?.get([this.id])) ?? []
    return found?.state === ABORTED
  }
  /** @internal The app's errors with counterparts in Python. */
  get errorClasses(): ErrorMap | undefined {
    return this.#environment.errors
  }
  /** The result backend, if there is one. */
  results(): Promise<ResultBackend> | undefined {
    return this.#environment.results?.()
  }

  /**
   * Waits for work that does not know about `signal`: rejects with the signal's reason, such as SoftTimeLimitExceeded, as
   * soon as the task should stop. The work itself continues.
   */
  async interruptible<T>(work: Promise<T>): Promise<T> {
    const { signal } = this
    let onAbort = (): void => {}
    const stopped = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason)
      if (signal.aborted) onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
    })
    try {
      return await Promise.race([work, stopped])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
  /** The original abort reason, when the task only rethrew a wrapped copy of it: Node's timers and streams wrap it. @internal */
  whyStopped(thrown: unknown): unknown {
    const signal = this.#controller?.signal
    const isEcho = thrown instanceof Error && thrown.name === 'AbortError'
    return signal?.aborted && isEcho ? signal.reason : thrown
  }

  /** The signal object created to be thrown, in case the run ends without throwing anything. @internal */
  get unthrown(): 'retry' | 'replace' | undefined {
    return this.#unthrown
  }

  /** Returns the error to throw in order to run again: `throw ctx.retry({ countdown: 60 })`. */
  retry(request: RetryRequest = {}): Retry {
    this.#unthrown = 'retry'
    return new Retry(request)
  }

  /**
   * Returns the error to throw in order to be replaced: `throw ctx.replace(other.s())`. The other work takes this task's place,
   * with its id, callbacks, remaining steps and place in a chord; a group yields the list of its results.
   */
  replace(signature: AnySignature): Replace {
    this.#unthrown = 'replace'
    return new Replace(signature.canvas)
  }

  /**
   * Adds a task to the chord that this task belongs to; the body waits for it too.
   * @throws {TaskError} LVG_CANVAS_INVALID outside a chord.
   */
  async addToChord(signature: AnySignature): Promise<void> {
    const add = this.#environment.addToChord
    if (!add || !this.embed.chord || this.groupId === null)
      throw new TaskError(`${this.name} is not a member of a chord.`, { code: 'LVG_CANVAS_INVALID' })
    await add(this, signature.canvas, this.#added++)
  }

  /**
   * Does something once: the value is stored under the task's id and the step's name, so a retried or redelivered
   * run reads it instead of repeating the work. A step that throws is not finished. Values must be serialisable.
   */
  step<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    return this.#stepsOf().run(name, work)
  }
  /** A position in long work, from which later runs continue: `const at = await ctx.cursor<number>('row')`. */
  cursor<T>(name: string): Promise<Cursor<T>> {
    return this.#stepsOf().cursor<T>(name)
  }
  /** A store for small values of tasks and chords, by id, kept for as long as results are; for middleware. */
  get kept(): StepStore | undefined {
    return this.#environment.steps
  }
  /** After a success: discards the task's steps. undefined = it has none. Never rejects, because the success stands. @internal */
  endSteps(): Promise<void> | undefined {
    return this.#steps
      ?.end()
      .catch((error: unknown) =>
        this.logger.warn({ err: error }, 'cannot delete the steps of a task; they expire with its result'),
      )
  }
  #stepsOf(): Steps {
    this.#steps ??= new Steps(lifeOf(this.wireHeaders), this.#environment.steps)
    return this.#steps
  }

  /**
   * Reports the task's progress, as a fraction of one (`ctx.progress(0.4, { step: 'resize' })`) or as a count (`ctx.progress(40, 100)`):
   * stores the state PROGRESS with `{ current, total, percent }` and any extra fields, and sends the event
   * `task-progress`. Callers follow it with `result.progress()`.
   */
  progress(part: number, more?: EventFields): Promise<void>
  progress(current: number, total: number, more?: EventFields): Promise<void>
  progress(current: number, second: number | EventFields = {}, third: EventFields = {}): Promise<void> {
    const [total, more] = typeof second === 'number' ? [second, third] : [1, second]
    const percent = total > 0 ? Math.round((1000 * current) / total) / 10 : 0
    return this.updateState('PROGRESS', { ...more, current, total, percent })
  }

  /**
   * Sends an event of the task's own, which carries its id (`uuid`): `ctx.sendEvent('task-photo-resized', { width: 200 })`. It is
   * sent whether or not task events are enabled, to current subscribers only; it never blocks the task.
   * @throws {TypeError} when `type` contains anything but letters, digits, `-` and `_`.
   * @throws {MessageError} when a field cannot be written.
   */
  sendEvent(type: string, fields: EventFields = {}): void {
    // Checked here rather than where it is sent, so that the error belongs to the task in every pool.
    encodeJson(fields, `fields of ${eventType(type)}`)
    this.#environment.sendEvent?.(this, type, fields)
  }

  /** Stores a state of the task's own, such as `PROGRESS`, with any serialisable data. */
  updateState(state: string, meta: unknown): Promise<void> {
    return this.#environment.updateState(this, state, meta)
  }
}

/** The context of a run, built from a delivered message. */
export function newContext(
  task: RunningTask,
  call: TaskMessage,
  message: IncomingMessage,
  queue: string,
  environment: RunEnvironment,
): TaskContext {
  const { exchange, routingKey, redelivered, properties } = message
  const info = { exchange, routingKey, queue, priority: properties.priority ?? null, redelivered }
  return new TaskContext(
    task,
    call,
    {
      info,
      correlationId: properties.correlationId,
      replyTo: properties.replyTo,
      properties,
      isEncrypted: message.contentType === ENCRYPTED_TYPE,
    },
    environment,
  )
}

function dateOf(iso: string | null): Date | null {
  const ms = iso === null ? undefined : parseTime(iso)
  return ms === undefined ? null : new Date(ms)
}

const contexts = new AsyncLocalStorage<TaskContext>()

/**
 * The context of the task that is running here, even deep inside libraries; undefined outside tasks.
 *
 * @example
 * import { currentContext } from 'lovage'
 * const taskId = currentContext()?.id // undefined outside of tasks
 */
export function currentContext(): TaskContext | undefined {
  return contexts.getStore()
}

/** Runs `work` outside any task: the tasks it sends have no parent. */
export function outsideContexts<T>(work: () => T): T {
  return contexts.exit(work)
}

/** Runs `work` as part of a task. */
export function inContext<T>(context: TaskContext, work: () => T): T {
  return contexts.run(context, work)
}
