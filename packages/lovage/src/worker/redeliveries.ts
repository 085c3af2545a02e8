import { forgetRedelivered, noteRedelivered } from '../app/fleet/index.js'
import type { Delivery } from '../broker/index.js'
import { counted } from '../kernel/index.js'
import type { Claim, ClaimObserver } from './claim.js'
import type { WorkerCore } from './worker-core.js'

/** One loss is ordinary: a worker was killed. */
const SUSPICIOUS = 2

/** Makes tasks visible that lose one worker after the other, until they end or become dead letters. */
export class Redeliveries implements ClaimObserver {
  readonly #core: Pick<WorkerCore, 'app' | 'hostname'>

  constructor(core: Pick<WorkerCore, 'app' | 'hostname'>) {
    this.#core = core
  }

  concerns({ redeliveries }: Delivery): boolean {
    return redeliveries >= SUSPICIOUS
  }

  /** Before they run: afterwards may be too late. Never rejects. */
  async note(claims: readonly Claim[]): Promise<void> {
    const { app, hostname } = this.#core
    const tasks = claims.map(({ delivery: { queue, redeliveries }, job: { context } }) => ({
      id: context.id,
      task: context.name,
      queue,
      redeliveries,
      worker: hostname,
    }))
    for (const { id, task, redeliveries } of tasks)
      app.logger.warn(
        { task_id: id, task_name: task, redeliveries },
        `Task ${task}[${id}] has lost ${counted(redeliveries, 'worker')}: it may be what ends them`,
      )
    await this.#carefully(() => noteRedelivered(app, tasks))
  }

  ended(claim: Claim): undefined {
    this.#forget(claim)
  }
  returned(claim: Claim): void {
    this.#forget(claim)
  }

  #forget({ delivery, job }: Claim): void {
    if (this.concerns(delivery))
      void this.#carefully(() => forgetRedelivered(this.#core.app, [job.context.id]))
  }

  async #carefully(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#core.app.logger.warn({ err: error }, 'cannot say which tasks have lost several workers')
    }
  }
}
