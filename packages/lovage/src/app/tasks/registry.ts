import { nearest, TaskError } from '../../kernel/index.js'
import type { AnyTask } from './any-task.js'

/**
 * The tasks that this app can run, by name.
 *
 * @example
 * console.log(app.tasks.names(), app.tasks.has('mail.send'))
 * for (const { name, options } of app.tasks) console.log(name, options.queue)
 */
export class TaskRegistry {
  readonly #tasks = new Map<string, AnyTask>()

  /** @throws {TaskError} LVG_TASK_DUPLICATE: with two functions under one name, chance would decide which one runs. */
  add(task: AnyTask): void {
    if (this.#tasks.has(task.name)) {
      throw new TaskError(`Two tasks are named ${task.name}.`, {
        code: 'LVG_TASK_DUPLICATE',
        details: { task: task.name },
      })
    }
    this.#tasks.set(task.name, task)
  }
  has(name: string): boolean {
    return this.#tasks.has(name)
  }
  get(name: string): AnyTask | undefined {
    return this.#tasks.get(name)
  }
  /** Names in alphabetical order. */
  names(): readonly string[] {
    return [...this.#tasks.keys()].sort()
  }
  /** Iterates over the tasks in the order of their registration. */
  [Symbol.iterator](): IterableIterator<AnyTask> {
    return this.#tasks.values()
  }
  /** The registered name most similar to another; undefined if none is similar. */
  nearest(name: string): string | undefined {
    return nearest(name, this.names())
  }
  /** The error for an unregistered name; it suggests the nearest one. */
  unknown(name: string): TaskError {
    const near = this.nearest(name)
    const hint = near === undefined ? '' : ` Did you mean ${near}?`
    return new TaskError(`Task ${name} is not registered.${hint}`, {
      code: 'LVG_TASK_NOT_REGISTERED',
      details: { task: name, known: this.names().slice(0, 50) },
    })
  }
}
