import type { Delivery } from '../broker/index.js'
import { counted } from '../kernel/index.js'
import type { Claim, ClaimObserver } from './claim.js'
import { isHeld } from './claim.js'
import { MAX_REDELIVERIES } from './settle-plan.js'
import type { WorkerCore } from './worker-core.js'

/** How long the others wait while one is tried. */
const WAIT_MS = 250

/**
 * Isolates tasks that were held each time a worker died, before one is blamed: one such task runs at a time, and nothing else is
 * claimed meanwhile. A task whose worker dies again is the culprit; the others finish normally. A child process isolates its tasks anyway.
 */
export class Suspects implements ClaimObserver {
  readonly #core: Pick<WorkerCore, 'app' | 'claims' | 'consumer' | 'line' | 'pool'>
  #tried: Claim | undefined

  constructor(core: Pick<WorkerCore, 'app' | 'claims' | 'consumer' | 'line' | 'pool'>) {
    this.#core = core
  }

  /** Whether its next death would be blamed on it, and would take down other tasks too. */
  concerns({ redeliveries }: Delivery): boolean {
    return redeliveries >= MAX_REDELIVERIES && this.#core.pool.kind !== 'prefork'
  }

  /** The one to run now. The others have gone back when this resolves, so that its death cannot be theirs. */
  async choose(claims: readonly Claim[]): Promise<Claim | undefined> {
    const { app, consumer, line } = this.#core
    const chosen = this.#tried ? undefined : claims.find(isHeld)
    if (chosen) {
      this.#tried = chosen
      line.isClosed = true
      const { id, name } = chosen.job.context
      app.logger.warn(
        { task_id: id, task_name: name, redeliveries: chosen.delivery.redeliveries },
        `Task ${name}[${id}] has lost its worker ${counted(chosen.delivery.redeliveries, 'time')}: it is run apart from others`,
      )
    }
    const others = claims.filter((claim) => claim !== chosen && isHeld(claim))
    const untilMs = app.clock.now() + WAIT_MS
    for (const claim of others) this.#core.claims.return(claim, 'postponed')
    if (others.length > 0)
      await consumer
        .settle(others.map(({ delivery }) => ({ tag: delivery.tag, kind: 'postpone', untilMs })))
        .catch((error: unknown) =>
          app.logger.warn(
            { err: error },
            'could not postpone tasks; they return to their queues when their leases expire',
          ),
        )
    return chosen
  }

  ended(claim: Claim): undefined {
    this.#over(claim)
  }
  returned(claim: Claim): void {
    this.#over(claim)
  }

  #over(claim: Claim): void {
    if (claim !== this.#tried) return
    this.#tried = undefined
    this.#core.line.isClosed = false
    // Once it is settled: messages claimed now must not share its fate.
    setImmediate(() => this.#core.line.goOn())
  }
}
