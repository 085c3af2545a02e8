import { AsyncLocalStorage } from 'node:async_hooks'
import type { Canvas } from '../../canvas/index.js'
import { type EventFields, eventType } from '../../events/index.js'
import { type Logger, TaskError } from '../../kernel/index.js'
import {
  customHeaders,
  type Embed,
  ENCRYPTED_TYPE,
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

/** A task as its own run sees it. */
export interface RunningTask {
  readonly name: string
  readonly options: TaskOptions
  /** Absent in contexts that tests make. */
  readonly definition?: { readonly params?: readonly string[] }
}

/** What surrounds a run and is made by whoever runs it. */
export interface RunEnvironment {
  readonly logger: Logger
  /** Name of the worker, `name@host`; of the process for eager calls. */
  readonly hostname: string
  readonly isEager: boolean
  /** How many tasks may run at once in this process. Default 1. */
  readonly slots?: () => number
  /** Stores a state of the task's own (`PROGRESS`). */
  updateState(context: TaskContext, state: string, meta: unknown): Promise<void>
  /** Tells an event of the task's own; absent where nobody could hear it. */
  sendEvent?(context: TaskContext, type: string, fields: EventFields): void
  /** Adds a member to the chord that the task is a member of. */
  addToChord?(context: TaskContext, canvas: Canvas, place: number): Promise<void>
  /** Where results lie, for tasks that may be aborted; absent where none are kept. */
  results?(): Promise<ResultBackend>
  /** Where finished steps are kept; absent = this run alone remembers them. */
  readonly steps?: StepStore
}

/** What a task knows about its own run: Celery's `self.request`, and what may be done from inside. */
export class TaskContext {
  /** The task being run. */
  readonly task: RunningTask
  /** Positional arguments as they came. */
  readonly args: readonly unknown[]
  /** Named arguments as they came. */
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly deliveryInfo: DeliveryInfo
  readonly correlationId: string | null
  readonly replyTo: string | null
  /** The message's properties, as its sender set them: Celery's `self.request.properties`. */
  readonly properties: MessageProperties
  /** What of the arguments is hidden in logs, events and listings: as the task says, and all of it when they came encrypted. */
  readonly redact: TaskOptions['redact']
  /** Results of the tasks that this run has sent. */
  readonly children: ResultTuple[] = []
  /** What the message says is to follow the task. */
  readonly embed: Embed
  /** Headers of the messages that are sent when the task has ended: its next step, callbacks, errbacks. For middleware. */
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
  get ignoreResult(): boolean {
    return this.#headers.ignore_result === true
  }
  get stamps(): Readonly<Record<string, unknown>> {
    return this.#headers.stamps
  }
  /** Custom headers: those of the call that are not Celery's own. */
  get headers(): Readonly<Record<string, unknown>> {
    return customHeaders(this.#headers)
  }
  /** Every header, Celery's spelling. */
  get wireHeaders(): TaskHeaders {
    return this.#headers
  }
  /** Name of the worker that runs this. */
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
  /** Aborted when the task is to stop: time limit, revoke, cold shutdown. Its reason says which. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }
  /** Asks the run to stop; for whoever runs it. */
  abort(reason: unknown): void {
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }

  /**
   * Whether somebody has asked this task to abort itself (`result.abort()`, or Python's `AbortableAsyncResult`). Asks the result
   * backend; with the option `abortable` the signal says it, at once and without asking.
   */
  async isAborted(): Promise<boolean> {
    if (this.#controller?.signal.reason instanceof TaskAbortedError) return true
    const [found] = (await (await this.results())?.get([this.id])) ?? []
    return found?.state === ABORTED
  }
  /** The result backend, should there be one. */
  results(): Promise<ResultBackend> | undefined {
    return this.#environment.results?.()
  }

  /**
   * Waits for something that knows nothing of `signal`: rejects with the signal's reason, such as SoftTimeLimitExceeded, as
   * soon as the task is to stop. The work itself goes on.
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
  /** The reason of the abort where a task threw nothing but its echo: Node's timers and streams wrap it. */
  whyStopped(thrown: unknown): unknown {
    const signal = this.#controller?.signal
    const isEcho = thrown instanceof Error && thrown.name === 'AbortError'
    return signal?.aborted && isEcho ? signal.reason : thrown
  }

  /** What was made in order to be thrown, should the run end without having thrown anything. */
  get unthrown(): 'retry' | 'replace' | undefined {
    return this.#unthrown
  }

  /** What to throw in order to be run again: `throw ctx.retry({ countdown: 60 })`. */
  retry(request: RetryRequest = {}): Retry {
    this.#unthrown = 'retry'
    return new Retry(request)
  }

  /**
   * What to throw in order to be replaced: `throw ctx.replace(other.s())`. The other work takes this task's place, with
   * its id, its callbacks, the steps behind it and its place in a chord; a group gives the list of its results.
   */
  replace(signature: AnySignature): Replace {
    this.#unthrown = 'replace'
    return new Replace(signature.canvas)
  }

  /**
   * Adds a task to the chord that this task is a member of; the body waits for it too.
   * @throws {TaskError} LVG_CANVAS_INVALID outside a chord.
   */
  async addToChord(signature: AnySignature): Promise<void> {
    const add = this.#environment.addToChord
    if (!add || !this.embed.chord || this.groupId === null)
      throw new TaskError(`${this.name} is not a member of a chord.`, { code: 'LVG_CANVAS_INVALID' })
    await add(this, signature.canvas, this.#added++)
  }

  /**
   * Does something once: its value is kept under the task's id and the step's name, so that a retried or redelivered
   * run gets it instead of doing it again. A step that throws is not finished. Values must be serialisable.
   */
  step<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    return this.#stepsOf().run(name, work)
  }
  /** A place in long work that later runs go on from: `const at = await ctx.cursor<number>('row')`. */
  cursor<T>(name: string): Promise<Cursor<T>> {
    return this.#stepsOf().cursor<T>(name)
  }
  /** Where small values are kept for tasks and chords, by their ids, for as long as results are; for middleware. */
  get kept(): StepStore | undefined {
    return this.#environment.steps
  }
  /** After a success: its steps are over. undefined = it has none. Never rejects, because the success stands. */
  endSteps(): Promise<void> | undefined {
    return this.#steps
      ?.end()
      .catch((error: unknown) =>
        this.logger.warn(
          { err: error },
          'cannot end the steps of a task; they are forgotten with its result',
        ),
      )
  }
  #stepsOf(): Steps {
    this.#steps ??= new Steps(lifeOf(this.wireHeaders), this.#environment.steps)
    return this.#steps
  }

  /**
   * Says how far the task is, as a part of one (`ctx.progress(0.4, { step: 'resize' })`) or as a count (`ctx.progress(40, 100)`):
   * stores the state PROGRESS with `{ current, total, percent }` and what else is given, and tells it as the event
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
   * Tells an event of the task's own, which carries its id (`uuid`): `ctx.sendEvent('task-photo-resized', { width: 200 })`. It is
   * sent whether or not task events are enabled, to whoever listens now; nobody is held up.
   * @throws {TypeError} when `type` is no name of letters, digits, `-` and `_`.
   * @throws {MessageError} when a field cannot be written.
   */
  sendEvent(type: string, fields: EventFields = {}): void {
    // Here and not where it is sent, so that the error is the task's own in every pool.
    encodeJson(fields, `fields of ${eventType(type)}`)
    this.#environment.sendEvent?.(this, type, fields)
  }

  /** Stores a state of the task's own, such as `PROGRESS`, with anything serialisable beside it. */
  updateState(state: string, meta: unknown): Promise<void> {
    return this.#environment.updateState(this, state, meta)
  }
}

/** The context of a run that a delivered message asks for. */
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

/** The context of the task that runs here, also deep inside libraries; undefined outside tasks. */
export function currentContext(): TaskContext | undefined {
  return contexts.getStore()
}

/** Runs `work` as part of no task: what it sends is nobody's child. */
export function outsideContexts<T>(work: () => T): T {
  return contexts.exit(work)
}

/** Runs `work` as part of a task. */
export function inContext<T>(context: TaskContext, work: () => T): T {
  return contexts.run(context, work)
}
