import { ResultError } from '../../kernel/index.js'
import type { ResultTuple } from '../../result/index.js'
import type { AnyResult } from './any-result.js'
import { errorOf, tupleOf } from './async-result.js'
import type { GetOptions, RevokeOptions } from './get-options.js'
import { collect, type GraphOptions, graphOf, type ResultGraph } from './result-graph.js'
import type { ResultSource } from './result-source.js'
import { untilReady } from './until-ready.js'

/**
 * The results of tasks that run side by side.
 *
 * @example
 * import { group } from 'lovage'
 * const result = await group([add.s(1, 1), add.s(2, 2)]).applyAsync()
 * console.log(await result.get({ timeout: 10 })) // [2, 4]
 */
export class GroupResult<Results extends readonly unknown[]> implements AnyResult {
  readonly id: string
  /** The result of the step before the group. */
  readonly parent: AnyResult | null
  /** In member order; a nested group is a GroupResult of its own. */
  readonly results: readonly AnyResult[]
  readonly #source: ResultSource

  constructor(
    id: string,
    results: readonly AnyResult[],
    source: ResultSource,
    parent: AnyResult | null = null,
  ) {
    this.id = id
    this.results = results
    this.parent = parent
    this.#source = source
  }

  /** Number of members; a nested group counts as one. */
  get length(): number {
    return this.results.length
  }

  /** Celery's pairs, like those of a task's result. */
  toJSON(): ResultTuple {
    return tupleOf(this)
  }
  /**
   * The members' values in order, once all are available.
   * @throws {TaskError} as soon as one member failed, unless `propagate` is false: then a description of the error takes
   * its place.
   * @throws {TimeoutError} LVG_RESULT_TIMEOUT after `timeout` seconds for all of them together.
   */
  async get({ propagate = true, ...wait }: GetOptions = {}): Promise<Results> {
    const ready = await untilReady(leavesOf(this.results), this.#source, wait, (result) => {
      if (propagate && result.state !== 'SUCCESS') throw errorOf(result, this.#source.errors)
    })
    const gathered = ({ id, results }: AnyResult): unknown =>
      results === null ? ready.get(id)?.result : results.map(gathered)
    // The members' types are those of the signatures that made the group.
    return this.results.map(gathered) as unknown as Results
  }

  /** Same as `get`. */
  join(options: GetOptions = {}): Promise<Results> {
    return this.get(options)
  }

  /** The members' outcomes: `{ status: 'fulfilled', value }` or `{ status: 'rejected', reason }`; none is thrown. */
  settled(options: Omit<GetOptions, 'propagate'> = {}): Promise<readonly PromiseSettledResult<unknown>[]> {
    return Promise.allSettled(this.results.map((result) => result.get(options)))
  }

  /** Members as they finish: each with its index and either its value or its error. */
  async *[Symbol.asyncIterator](): AsyncGenerator<{
    readonly index: number
    readonly value?: Results[number]
    readonly error?: unknown
  }> {
    const finished: { readonly index: number; readonly value?: Results[number]; readonly error?: unknown }[] =
      []
    let wake = (): void => {}
    for (const [index, result] of this.results.entries()) {
      const end = (how: { readonly value: Results[number] } | { readonly error: unknown }): void => {
        finished.push({ index, ...how })
        wake()
      }
      // As in `get`.
      result.get().then(
        (value) => end({ value: value as Results[number] }),
        (error: unknown) => end({ error }),
      )
    }
    for (let told = 0; told < this.results.length; told++) {
      while (finished.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      const next = finished.shift()
      if (next) yield next
    }
  }

  /** How many members have succeeded. */
  async completedCount(): Promise<number> {
    return (await this.#each((result) => result.successful())).filter(Boolean).length
  }
  /** Whether every member has ended. */
  async ready(): Promise<boolean> {
    return (await this.#each((result) => result.ready())).every(Boolean)
  }
  /** Whether every member has succeeded. */
  async successful(): Promise<boolean> {
    return (await this.#each((result) => result.successful())).every(Boolean)
  }
  /** Whether a member has failed. */
  async failed(): Promise<boolean> {
    return (await this.#each((result) => result.failed())).some(Boolean)
  }
  /** Whether a member has not ended yet. */
  async waiting(): Promise<boolean> {
    return !(await this.ready())
  }

  async revoke(options: RevokeOptions = {}): Promise<void> {
    await this.#each((result) => result.revoke(options))
  }
  async forget(): Promise<void> {
    await this.#each((result) => result.forget())
  }
  async children(): Promise<readonly AnyResult[]> {
    return this.results
  }

  /** The graph of what its members led to so far. */
  graph(options: GraphOptions = {}): Promise<ResultGraph> {
    return graphOf(this, this.#source, options)
  }
  /**
   * Its members and every result that they led to, each with its value once available.
   * @throws {TaskError} for the first that failed, like `get`; `timeout` (seconds) applies to each.
   */
  collect(
    options: Pick<GetOptions, 'timeout'> = {},
  ): AsyncGenerator<readonly [result: AnyResult, value: unknown], void, undefined> {
    return collect(this, options)
  }

  /**
   * Stores the members' ids under the group's id, for `app.groupResult(id)`.
   * @throws {ResultError} LVG_RESULT_DISABLED when the backend does not store groups.
   */
  async save(): Promise<void> {
    await (await joinsOf(this.#source)).saveGroup(tupleOf(this))
  }
  /** Deletes the record stored by `save`. */
  async delete(): Promise<void> {
    await (await joinsOf(this.#source)).forgetGroup(this.id)
  }

  #each<T>(ask: (result: AnyResult) => Promise<T>): Promise<T[]> {
    return Promise.all(this.results.map(ask))
  }
}

/** The store of groups and chord counters. Throws a ResultError. */
export async function joinsOf(source: ResultSource) {
  const backend = await source.results()
  if (backend.joins) return backend.joins
  throw new ResultError(`The result backend ${backend.kind} does not store groups.`, {
    code: 'LVG_RESULT_DISABLED',
  })
}

/** Ids of the tasks, including those of nested groups. */
const leavesOf = (results: readonly AnyResult[]): readonly string[] =>
  results.flatMap(({ id, results: members }) => (members === null ? [id] : leavesOf(members)))
