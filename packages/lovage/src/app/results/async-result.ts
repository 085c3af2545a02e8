import { type ErrorCode, ofAnotherCopy, ResultError, TaskError } from '../../kernel/index.js'
import type { ErrorMap } from '../../message/index.js'
import {
  type ExceptionInfo,
  READY_STATES,
  type ResultTuple,
  type TaskResult,
  type TaskState,
} from '../../result/index.js'
import { ABORTED, abort } from './abort.js'
import type { AnyResult } from './any-result.js'
import type { GetOptions, RevokeOptions } from './get-options.js'
import type { Progress, ProgressOptions } from './progress.js'
import { collect, type GraphOptions, graphOf, type ResultGraph } from './result-graph.js'
import type { ResultSource } from './result-source.js'
import { untilReady, type WaitOptions } from './until-ready.js'

/**
 * A task's result, now or later.
 *
 * @example
 * const result = await add.delay(2, 3)
 * console.log(result.id, await result.state())
 * console.log(await result.get({ timeout: 10 })) // 5
 * // Later, or in another process:
 * console.log(await app.asyncResult(result.id).get())
 */
export class AsyncResult<Result> implements AnyResult {
  readonly id: string
  /** The result of the task that sent this one in a chain. */
  readonly parent: AnyResult | null
  readonly results = null
  /** Whether this call's result is stored nowhere (`ignoreResult`): `get` returns null at once, as in Celery. */
  ignored = false
  readonly #source: ResultSource
  #ready: TaskResult | undefined

  constructor(id: string, source: ResultSource, parent: AnyResult | null = null) {
    this.id = id
    this.parent = parent
    this.#source = source
  }

  /** Where a result comes from. */
  static sourceOf(result: AsyncResult<unknown>): ResultSource {
    if (!(#source in result)) throw ofAnotherCopy('result')
    return result.#source
  }

  /** A result that is already known. */
  static settled(settled: TaskResult, source: ResultSource): AsyncResult<unknown> {
    const result = new AsyncResult<unknown>(settled.id, source)
    result.#ready = settled
    return result
  }

  /**
   * Waits for the task's value and returns it.
   * @throws {TimeoutError} after `timeout` seconds; the task keeps running.
   * @throws {TaskError} when the task failed or was revoked; `details` has type, module and traceback. An error that `app.errors` knows is
   *   thrown itself, with the TaskError as its cause.
   * @throws {ResultError} LVG_RESULT_DISABLED without a result backend.
   */
  async get(options: GetOptions = {}): Promise<Result> {
    // The caller asked for no result: its type says nothing about this null.
    if (this.ignored) return null as Result
    const settled = await this.#settled(options)
    if (settled.state !== 'SUCCESS' && options.propagate !== false)
      throw errorOf(settled, this.#source.errors)
    // The producer's types give the task's return type; with `propagate: false` a description of the failure comes instead.
    return settled.result as Result
  }

  /** Same as `get`. */
  wait(options: GetOptions = {}): Promise<Result> {
    return this.get(options)
  }

  /**
   * The stored record as it is now; undefined = none (Celery's PENDING).
   * @throws {ResultError} LVG_RESULT_UNREADABLE, like every method that reads the store.
   */
  async info(): Promise<TaskResult | undefined> {
    if (this.#ready) return this.#ready
    const [found] = await (await this.#source.results()).get([this.id])
    if (found?.unreadable) throw found.unreadable
    if (found && READY_STATES.has(found.state)) this.#ready = found
    return found
  }
  async state(): Promise<TaskState> {
    return (await this.info())?.state ?? 'PENDING'
  }
  /** The value, the error's description or the state's meta. */
  async result(): Promise<unknown> {
    return (await this.info())?.result ?? null
  }
  async traceback(): Promise<string | null> {
    return (await this.info())?.traceback ?? null
  }
  /** Whether anything is stored under this id: PENDING is the state of waiting tasks and of unknown ids alike. */
  async exists(): Promise<boolean> {
    return (await this.state()) !== 'PENDING'
  }
  async ready(): Promise<boolean> {
    return READY_STATES.has(await this.state())
  }
  async successful(): Promise<boolean> {
    return (await this.state()) === 'SUCCESS'
  }
  async failed(): Promise<boolean> {
    return (await this.state()) === 'FAILURE'
  }
  /** Results of the tasks that this one sent. */
  async children(): Promise<readonly AnyResult[]> {
    return ((await this.info())?.children ?? []).map((tuple) => this.#source.resultOf(tuple))
  }
  /** The graph of what it led to so far: results, and which of them sent which. */
  graph(options: GraphOptions = {}): Promise<ResultGraph> {
    return graphOf(this, this.#source, options)
  }
  /**
   * Every result that it led to, each with its value once available, this one first.
   * @throws {TaskError} for the first that failed, like `get`; `timeout` (seconds) applies to each.
   */
  collect(
    options: Pick<GetOptions, 'timeout'> = {},
  ): AsyncGenerator<readonly [result: AnyResult, value: unknown], void, undefined> {
    return collect(this, options)
  }
  /** When the task finished. */
  async dateDone(): Promise<Date | null> {
    const done = (await this.info())?.dateDone
    return done ? new Date(done) : null
  }
  /** Celery's pairs, by which a task may return a result that it has: Python's `result_from_tuple` and `app.resultFrom` read them. */
  toJSON(): ResultTuple {
    return tupleOf(this)
  }
  /** Removes the stored result. */
  async forget(): Promise<void> {
    this.forgetLocally()
    await (await this.#source.results()).forget([this.id])
  }
  /** Forgets the locally cached state; the stored result is kept. */
  forgetLocally(): void {
    this.#ready = undefined
  }
  /** Keeps the task from running, or stops it with `terminate`. */
  async revoke(options: RevokeOptions = {}): Promise<void> {
    await this.#source.revoke([this.id], options)
  }
  /**
   * Asks the task, Python or ours, to abort itself, like Celery's `AbortableAsyncResult`: nothing ends it. With the option `abortable` its
   * signal is aborted, and the error it throws for that becomes the failure `TaskAbortedError`; a task may also poll (`ctx.isAborted()`) and
   * return what it has. A task that has not begun is asked when it does. `revoke` keeps it from beginning.
   */
  async abort(): Promise<void> {
    await abort(this.#source, [this.id])
  }
  /** Whether it was asked to abort itself and has not ended yet. */
  async isAborted(): Promise<boolean> {
    return (await this.state()) === ABORTED
  }
  /** Calls back for every stored state from now on, such as PROGRESS; stops by itself when the result is ready. */
  async watch(on: (result: TaskResult) => void): Promise<() => void> {
    const backend = await this.#source.results()
    const stop = backend.watch([this.id], (result) => {
      if (READY_STATES.has(result.state)) stop()
      on(result)
    })
    return stop
  }

  /**
   * The task's reported progress (`ctx.progress`, or Python's `update_state`), until it ends, however it ends:
   * `for await (const { percent } of result.progress())`. Of several reports in quick succession only the last may arrive.
   * @throws {ResultError} LVG_RESULT_DISABLED
   */
  async *progress(options: ProgressOptions = {}): AsyncGenerator<Progress, void, undefined> {
    if (this.#ready) return
    const { watchProgress } = await import('./progress.js')
    yield* watchProgress(this.id, this.#source, options)
  }

  async #settled(wait: WaitOptions): Promise<TaskResult> {
    if (this.#ready) return this.#ready
    const ready = await untilReady([this.id], this.#source, wait)
    this.#ready = ready.get(this.id)
    if (!this.#ready) throw new TypeError(`the wait for ${this.id} ended without its result`)
    if (this.#ready.unreadable) throw this.#ready.unreadable
    return this.#ready
  }
}

const CODE_OF_TYPE: Readonly<Record<string, ErrorCode>> = {
  TaskRevokedError: 'LVG_TASK_REVOKED',
  TimeLimitExceeded: 'LVG_TASK_TIME_LIMIT',
  TaskAbortedError: 'LVG_TASK_ABORTED',
  SoftTimeLimitExceeded: 'LVG_TASK_SOFT_TIME_LIMIT',
  WorkerLostError: 'LVG_TASK_WORKER_LOST',
  NotRegistered: 'LVG_TASK_NOT_REGISTERED',
  MaxRetriesExceededError: 'LVG_TASK_MAX_RETRIES',
  ChordError: 'LVG_CHORD_FAILED',
}

/** A result as Celery's pairs, with its parents and members. */
export function tupleOf({ id, parent, results }: AnyResult): ResultTuple {
  return [[id, parent ? tupleOf(parent) : null], results ? results.map(tupleOf) : null]
}

/** The error that a stored failure represents: of its own class where that is known. */
export function errorOf(settled: TaskResult, classes?: ErrorMap): Error {
  if (settled.unreadable) return settled.unreadable
  if (!isException(settled.result)) {
    return new ResultError(`Task ${settled.id} ended as ${settled.state} without a readable error.`, {
      code: 'LVG_RESULT_UNREADABLE',
    })
  }
  const { exc_type: type, exc_message: message, exc_module: module } = settled.result
  const text = Array.isArray(message)
    ? message.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join(', ')
    : String(message)
  const error = new TaskError(text ? `${type}: ${text}` : type, {
    code: CODE_OF_TYPE[type] ?? 'LVG_TASK_FAILED',
    details: {
      taskId: settled.id,
      state: settled.state,
      type,
      message,
      module,
      traceback: settled.traceback,
    },
  })
  const own = classes?.make(settled.result)
  if (own && own.cause === undefined)
    Object.defineProperty(own, 'cause', { value: error, configurable: true, writable: true })
  return own ?? error
}

function isException(value: unknown): value is ExceptionInfo {
  return typeof value === 'object' && value !== null && 'exc_type' in value && 'exc_message' in value
}
