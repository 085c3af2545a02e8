import { decodeJson, encodeJson } from '../../message/index.js'

/** Where the values of finished steps are kept. */
export interface StepStore {
  /** JSON that was kept for a task under a name. */
  read(taskId: string, name: string): Promise<string | undefined>
  /** Those that were kept for a task, of these names. */
  readAll(taskId: string, names: readonly string[]): Promise<readonly string[]>
  keep(taskId: string, name: string, json: string): Promise<void>
  /** The task has succeeded: forgets these soon, though not before a worker that dies now had its task run again. */
  end(taskId: string, names: readonly string[]): Promise<void>
}

/** A place in long work. */
export interface Cursor<T> {
  /** Where the run before this one was; undefined on the first. */
  readonly value: T | undefined
  /** Keeps a new place; later runs begin there. */
  set(value: T): Promise<void>
}

/** The steps of one run. */
export class Steps {
  /** With the life of this id, so that one that is used again finds nothing of the one before. */
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
    // What this step returned in an earlier run.
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
      // What was set in an earlier run.
      value: kept === undefined ? undefined : (decodeJson(kept) as T),
      set: async (value) => {
        await this.#store?.keep(this.#taskId, key, encodeJson(value ?? null, `cursor ${name}`))
      },
    }
  }

  /** After the task's success: the next task of this id has steps of its own. */
  async end(): Promise<void> {
    if (this.#kept.size > 0) await this.#store?.end(this.#taskId, [...this.#kept])
  }

  /** A name that comes again, as in a loop, is another step each time. */
  #keyOf(name: string): string {
    const times = (this.#passed.get(name) ?? 0) + 1
    this.#passed.set(name, times)
    return times === 1 ? name : `${name} #${times}`
  }
}
