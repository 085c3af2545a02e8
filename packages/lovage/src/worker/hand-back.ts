import type { Consumer } from '../broker/index.js'
import type { Logger } from '../kernel/index.js'
import type { Claim, Claims } from './claims.js'
import type { WorkerLimits } from './limits/open-limits.js'
import type { Job } from './pools/job.js'

/** What handing back works with. */
export interface HandBackPorts {
  readonly claims: Claims
  readonly limits: WorkerLimits
  readonly consumer: () => Consumer
  readonly logger: Logger
  /** There is room for more than before. */
  readonly onRoom: () => void
}

/** What leaves a worker without an outcome: given back to its queue, or gone to another worker. */
export class HandBack {
  readonly #ports: HandBackPorts

  constructor(ports: HandBackPorts) {
    this.#ports = ports
  }

  /**
   * To the head of their queues, no attempt consumed; `before` is awaited between letting go of them and telling the broker. Never
   * rejects: what the broker does not take back returns by its lease.
   */
  async give(which: readonly Claim[], before?: () => Promise<void> | undefined): Promise<void> {
    const { claims, limits, consumer, logger } = this.#ports
    const settlements = which.flatMap((claim) => {
      const { delivery, job, startedMs } = claim
      claims.remove(claim)
      this.freeSlot(job)
      limits.lost(job)
      const ackedEarly = startedMs !== undefined && job.task.options.acksLate === false
      return ackedEarly ? [] : [{ tag: delivery.tag, kind: 'requeue', counts: false } as const]
    })
    await before?.()
    if (settlements.length === 0) return
    await consumer()
      .settle(settlements)
      .catch((error: unknown) =>
        logger.warn(
          { err: error, count: settlements.length },
          'could not hand tasks back; they return to their queues by their leases',
        ),
      )
  }

  /** Ends what waits or still runs and gives it back; its outcome, should one come, is nobody's any more. */
  async interrupt(which: readonly Claim[], before?: () => Promise<void> | undefined): Promise<void> {
    if (which.length === 0) return
    const given = this.give(which, before)
    for (const { job } of which) job.context.abort(new Error('The worker is shutting down.'))
    this.#ports.logger.warn(
      { tasks: which.map(({ job }) => job.context.id) },
      `${which.length} unfinished tasks go back to their queues`,
    )
    await given
  }

  /** Lets go of what another worker has by now. */
  lost(tags: readonly string[]): void {
    const { claims, limits, logger, onRoom } = this.#ports
    for (const tag of tags) {
      const claim = claims.find(tag)
      if (claim) {
        claims.remove(claim)
        limits.lost(claim.job)
      }
      logger.warn(
        { task_id: claim?.job.context.id, task_name: claim?.job.context.name },
        'a message is no longer ours; another worker has it',
      )
    }
    onRoom()
  }

  /** Frees the place that a task took of its concurrency limits; with `runtimeMs` when it has ended. */
  freeSlot(job: Job, runtimeMs?: number): void {
    this.#ports.limits.tasks
      .left(job, runtimeMs)
      ?.catch((error: unknown) =>
        this.#ports.logger.warn({ err: error }, 'cannot free a slot; it is free when its lease ends'),
      )
  }
}
