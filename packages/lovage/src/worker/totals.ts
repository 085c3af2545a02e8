import type { Claim, ClaimObserver } from './claim.js'

/** Number of tasks of each name that have ended in a worker, whatever their outcome. */
export class Totals implements ClaimObserver {
  readonly #byTask = new Map<string, number>()

  get byTask(): ReadonlyMap<string, number> {
    return this.#byTask
  }
  get sum(): number {
    let sum = 0
    for (const count of this.#byTask.values()) sum += count
    return sum
  }

  ended({ job }: Claim): undefined {
    const { name } = job.task
    this.#byTask.set(name, (this.#byTask.get(name) ?? 0) + 1)
  }
}
