import { failure, type Outcome, run } from '../../app/index.js'
import type { Clock } from '../../kernel/index.js'
import type { Job, WorkerPool } from './pool.js'

/** Runs tasks on this process's own event loop: for tasks that wait more than they compute. */
export class AsyncPool implements WorkerPool {
  readonly kind = 'async'
  readonly pids = [process.pid]
  readonly #clock: Clock
  readonly #running = new Map<string, { readonly job: Job; readonly interrupt: (reason: Error) => void }>()
  #slots: number

  constructor(slots: number, clock: Clock) {
    this.#slots = slots
    this.#clock = clock
  }

  get slots(): number {
    return this.#slots
  }

  async start(): Promise<void> {}

  run(job: Job): Outcome | Promise<Outcome> {
    const outcome = run(job.task, job.context, this.#dice)
    if (!(outcome instanceof Promise)) return outcome
    const { id } = job.context
    return new Promise((resolve) => {
      const finish = (end: Outcome): void => {
        this.#running.delete(id)
        resolve(end)
      }
      this.#running.set(id, { job, interrupt: (reason) => finish(failure(job.task, reason)) })
      outcome.then(finish)
    })
  }

  async resize(slots: number): Promise<void> {
    this.#slots = slots
  }

  /** A promise cannot be killed: its signal is aborted, its slot is freed, and what it still does is its own. */
  terminate(taskId: string, reason: Error): boolean {
    const running = this.#running.get(taskId)
    if (!running) return false
    running.job.context.abort(reason)
    running.interrupt(reason)
    return true
  }

  async stop(how: 'warm' | 'cold'): Promise<void> {
    if (how === 'warm') return
    for (const { job } of this.#running.values()) job.context.abort(new Error('The worker is shutting down.'))
  }

  readonly #dice = () => ({ nowMs: this.#clock.now(), random: Math.random })
}
