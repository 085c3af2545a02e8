import { decodeJson, encodeJson } from '../../message/index.js'

/** Where the values of finished steps are kept. */
export interface StepStore {
  /** The JSON stored for a task under a name. */
  read(taskId: string, name: string): Promise<string | undefined>
  /** The values stored for a task under these names. */
  readAll(taskId: string, names: readonly string[]): Promise<readonly string[]>
  keep(taskId: string, name: string, json: string): Promise<void>
  /** The task has succeeded: discards its steps soon, but not before a worker that dies now could have its task run again. */
  end(taskId: string, names: readonly string[]): Promise<void>
}

/** A position in long work. */
export interface Cursor<T> {
  /** Where the previous run was; undefined on the first. */
  readonly value: T | undefined
  /** Stores a new position; later runs start there. */
  set(value: T): Promise<void>
}

/** The steps of one run. */
export class Steps {
  /** Includes the id's life, so that a reused id does not see the steps of its previous life. */
  readonly #taskId: string
  readonly #store: StepStore | undefined
  readonly #passed = new Map<string, number>()
  readonly #kept = new Set<string>()

  constructor(taskId: string, store: StepStore | undefined) {
    this.#taskId = taskId
    this.#store = store
  }

  async run<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    const key = this.#keyOf(name)
    this.#kept.add(key)
    const kept = await this.#store?.read(this.#taskId, key)
    // The value this step returned in an earlier run.
    if (kept !== undefined) return decodeJson(kept) as T
    const value = await work()
    await this.#store?.keep(this.#taskId, key, encodeJson(value ?? null, `step ${name}`))
    return value
  }

  async cursor<T>(name: string): Promise<Cursor<T>> {
    const key = `cursor ${name}`
    this.#kept.add(key)
    const kept = await this.#store?.read(this.#taskId, key)
    return {
      // The position set in an earlier run.
      value: kept === undefined ? undefined : (decodeJson(kept) as T),
      set: async (value) => {
        await this.#store?.keep(this.#taskId, key, encodeJson(value ?? null, `cursor ${name}`))
      },
    }
  }

  /** After the task's success: the next task with this id has steps of its own. */
  async end(): Promise<void> {
    if (this.#kept.size > 0) await this.#store?.end(this.#taskId, [...this.#kept])
  }

  /** A repeated name, as in a loop, is a different step each time. */
  #keyOf(name: string): string {
    const times = (this.#passed.get(name) ?? 0) + 1
    this.#passed.set(name, times)
    return times === 1 ? name : `${name} #${times}`
  }
}
