import type { ErrorMap } from '../../message/index.js'
import { READY_STATES, type TaskResult } from '../../result/index.js'
import { AsyncResult, errorOf } from './async-result.js'
import type { GetOptions, RevokeOptions } from './get-options.js'
import { untilReady, type WaitOptions } from './until-ready.js'

/** How to wait for many results. */
export interface JoinOptions extends GetOptions {
  /** Called with each value as it arrives, and the id of its task. */
  readonly onResult?: (id: string, value: unknown) => void
}

/**
 * Results of many tasks, queried together: every query below is one round trip, and every wait one subscription.
 *
 * @example
 * import { ResultSet } from 'lovage'
 * const results = new ResultSet([await add.delay(1, 1), await add.delay(2, 2)])
 * console.log(await results.join({ timeout: 10 })) // [2, 4]
 */
export class ResultSet<Result> {
  readonly #results = new Map<string, AsyncResult<Result>>()

  /** @param results In the order in which `get` returns them. A task that is named twice is kept once. */
  constructor(results: Iterable<AsyncResult<Result>> = []) {
    this.update(results)
  }

  /** The results, in order. */
  get results(): readonly AsyncResult<Result>[] {
    return [...this.#results.values()]
  }
  get length(): number {
    return this.#results.size
  }
  [Symbol.iterator](): Iterator<AsyncResult<Result>> {
    return this.#results.values()
  }

  /** Appends a result, unless it is there already. */
  add(result: AsyncResult<Result>): this {
    if (!this.#results.has(result.id)) this.#results.set(result.id, result)
    return this
  }
  /** Removes a result; false if it was not in the set. */
  remove(which: AsyncResult<Result> | string): boolean {
    return this.#results.delete(typeof which === 'string' ? which : which.id)
  }
  /** Adds all results of another set. */
  update(others: Iterable<AsyncResult<Result>>): this {
    for (const result of others) this.add(result)
    return this
  }
  /** Removes every result from the set; nothing stored is touched. */
  clear(): void {
    this.#results.clear()
  }

  /**
   * The values of all tasks, in the order of the set.
   * @throws {TaskError} of the first task that fails, at once; with `propagate: false` descriptions of the failures
   *   take their places among the values instead.
   * @throws {TimeoutError} LVG_RESULT_TIMEOUT after `timeout` seconds for all of them; the tasks keep running.
   */
  async get({ propagate = true, onResult, ...wait }: JoinOptions = {}): Promise<Result[]> {
    const ready = await this.#untilReady(wait, (result) => {
      if (propagate && result.state !== 'SUCCESS') throw errorOf(result, this.#errors)
      onResult?.(result.id, result.result)
    })
    // The producers' types give the tasks' return types.
    return this.#ids.map((id) => ready.get(id)?.result as Result)
  }
  /** Same as `get`. */
  join(options: JoinOptions = {}): Promise<Result[]> {
    return this.get(options)
  }

  /**
   * The results as they become ready, first to finish first: `for await (const result of set) …`. Querying one of
   * them requires no further waiting.
   */
  async *iterate(wait: WaitOptions = {}): AsyncGenerator<AsyncResult<Result>, void, undefined> {
    const finished: AsyncResult<Result>[] = []
    let wake = (): void => {}
    let isDone = false
    const left = new AbortController()
    const signal = wait.signal ? AbortSignal.any([wait.signal, left.signal]) : left.signal
    const all = this.#untilReady({ ...wait, signal }, ({ id }) => {
      const result = this.#results.get(id)
      if (result) finished.push(result)
      wake()
    }).finally(() => {
      isDone = true
      wake()
    })
    // Its failure is thrown below, once the earlier results have been yielded.
    all.catch(() => {})
    try {
      while (!isDone || finished.length > 0) {
        const next = finished.shift()
        if (next) yield next
        else
          await new Promise<void>((resolve) => {
            wake = resolve
            if (isDone || finished.length > 0) resolve()
          })
      }
      await all
    } finally {
      left.abort()
    }
  }
  [Symbol.asyncIterator](): AsyncGenerator<AsyncResult<Result>, void, undefined> {
    return this.iterate()
  }

  /** Whether all tasks have succeeded. */
  async successful(): Promise<boolean> {
    return (await this.#states()).every((state) => state === 'SUCCESS')
  }
  /** Whether any task has failed. */
  async failed(): Promise<boolean> {
    return (await this.#states()).includes('FAILURE')
  }
  /** Whether all tasks have ended. */
  async ready(): Promise<boolean> {
    return (await this.#states()).every((state) => READY_STATES.has(state))
  }
  /** Whether any task has not ended yet. */
  async waiting(): Promise<boolean> {
    return !(await this.ready())
  }
  /** How many tasks have succeeded. */
  async completedCount(): Promise<number> {
    return (await this.#states()).filter((state) => state === 'SUCCESS').length
  }
  /** @throws {TaskError} of the first task in the set that has failed or was revoked. */
  async maybeThrow(): Promise<void> {
    const found = await this.#infos()
    for (const id of this.#results.keys()) {
      const result = found.get(id)
      if (result && READY_STATES.has(result.state) && result.state !== 'SUCCESS')
        throw errorOf(result, this.#errors)
    }
  }

  /** Removes the stored results. */
  async forget(): Promise<void> {
    const [first] = this
    if (!first) return
    await (await AsyncResult.sourceOf(first).results()).forget(this.#ids)
    for (const result of this) result.forgetLocally()
  }
  /** Keeps the tasks from running, or stops them with `terminate`. */
  async revoke(options: RevokeOptions = {}): Promise<void> {
    const [first] = this
    if (!first) return
    await AsyncResult.sourceOf(first).revoke(this.#ids, options)
  }

  get #ids(): readonly string[] {
    return [...this.#results.keys()]
  }

  get #errors(): ErrorMap | undefined {
    const [first] = this
    return first && AsyncResult.sourceOf(first).errors
  }
  async #states(): Promise<readonly string[]> {
    const found = await this.#infos()
    return this.#ids.map((id) => found.get(id)?.state ?? 'PENDING')
  }

  async #infos(): Promise<ReadonlyMap<string, TaskResult>> {
    const [first] = this
    if (!first) return new Map()
    const found = await (await AsyncResult.sourceOf(first).results()).get(this.#ids)
    return new Map(found.map((result) => [result.id, result]))
  }

  #untilReady(wait: WaitOptions, on: (result: TaskResult) => void): Promise<ReadonlyMap<string, TaskResult>> {
    const [first] = this
    if (!first) return Promise.resolve(new Map())
    return untilReady(this.#ids, AsyncResult.sourceOf(first), wait, on)
  }
}
