import { type Claim, isHeld } from './claim.js'
import type { WorkerCore } from './worker-core.js'

/** Messages that leave a worker without an outcome: given back to their queue, or taken by another worker. */
export class HandBack {
  readonly #core: Pick<WorkerCore, 'app' | 'claims' | 'consumer' | 'line'>

  constructor(core: Pick<WorkerCore, 'app' | 'claims' | 'consumer' | 'line'>) {
    this.#core = core
  }

  /**
   * Returns claims to the head of their queues, no attempt consumed; `before` is awaited between releasing them and telling the broker.
   * Never rejects: messages that the broker does not take back return when their lease expires.
   */
  async give(which: readonly Claim[], before?: () => Promise<void> | undefined): Promise<void> {
    const { app, claims, consumer } = this.#core
    const settlements = which.flatMap((claim) => {
      const { delivery, job, startedMs } = claim
      if (!isHeld(claim)) return []
      claims.return(claim, 'handed-back')
      const ackedEarly = startedMs !== undefined && job.task.options.acksLate === false
      return ackedEarly ? [] : [{ tag: delivery.tag, kind: 'requeue', counts: false } as const]
    })
    await before?.()
    if (settlements.length === 0) return
    await consumer
      .settle(settlements)
      .catch((error: unknown) =>
        app.logger.warn(
          { err: error, count: settlements.length },
          'could not hand tasks back; they return to their queues when their leases expire',
        ),
      )
  }

  /** Ends waiting and running claims and gives them back; an outcome that still arrives is ignored. */
  async interrupt(which: readonly Claim[], before?: () => Promise<void> | undefined): Promise<void> {
    if (which.length === 0) return
    const given = this.give(which, before)
    for (const { job } of which) job.context.abort(new Error('The worker is shutting down.'))
    this.#core.app.logger.warn(
      { tasks: which.map(({ job }) => job.context.id) },
      `${which.length} unfinished tasks return to their queues`,
    )
    await given
  }

  /** Releases claims that another worker holds by now. */
  lost(tags: readonly string[]): void {
    const { claims, line } = this.#core
    for (const tag of tags) {
      const claim = claims.find(tag)
      if (claim) claims.return(claim, 'lost')
    }
    line.goOn()
  }
}
