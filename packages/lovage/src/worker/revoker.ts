import { constants } from 'node:os'
import { TaskError } from '../kernel/index.js'
import { type Claim, isHeld } from './claim.js'
import type { Follow } from './refusals.js'
import type { TaskRuns } from './task-runs.js'
import type { WorkerCore } from './worker-core.js'

/** Ends held tasks that may not continue: revoked or expired. */
export class Revoker {
  readonly #core: Pick<WorkerCore, 'app' | 'claims' | 'limits' | 'pool' | 'refusals' | 'followUps'>
  readonly #runs: Pick<TaskRuns, 'endUnrun'>

  constructor(
    core: Pick<WorkerCore, 'app' | 'claims' | 'limits' | 'pool' | 'refusals' | 'followUps'>,
    runs: Pick<TaskRuns, 'endUnrun'>,
  ) {
    this.#core = core
    this.#runs = runs
  }

  /** Checks all held tasks, because more are revoked than before. */
  sweep(): void {
    const { claims, limits } = this.#core
    for (const claim of claims.waiting) this.drops(claim)
    for (const claim of claims.running) {
      const revocation = limits.revokes.of(claim.job.context.wireHeaders)
      if (revocation?.terminate) this.#terminate(claim, revocation.signal ?? 'SIGTERM')
    }
  }

  /** Ends a task that was revoked before it started, or expired while it waited. */
  drops(claim: Claim): boolean {
    const { app, limits, refusals } = this.#core
    const { delivery, job } = claim
    const { wireHeaders: headers, expires } = job.context
    const isExpired = expires !== null && app.clock.now() > expires.getTime()
    const why = limits.revokes.of(headers) ? 'revoked' : isExpired ? 'expired' : undefined
    if (!why || !isHeld(claim)) return why !== undefined
    const plan = refusals.revoked(delivery, headers, why, this.#followOf(claim))
    this.#runs.endUnrun(claim, { kind: 'revoked', headers, why, plan })
    return true
  }

  /** Stops a running task and settles it as revoked, whatever it still does. */
  #terminate(claim: Claim, signal: NodeJS.Signals): void {
    const { pool, refusals } = this.#core
    const { delivery, job } = claim
    const { wireHeaders: headers, id } = job.context
    if (!isHeld(claim)) return
    const { settlement, ...rest } = refusals.revoked(delivery, headers, 'terminated', this.#followOf(claim))
    const isOurs = job.task.options.acksLate !== false
    const plan = isOurs && settlement ? { ...rest, settlement } : rest
    const signum = constants.signals[signal] ?? null
    this.#runs.endUnrun(claim, { kind: 'revoked', headers, why: 'terminated', plan, signal, signum })
    pool.terminate(id, new TaskError('The task was revoked.', { code: 'LVG_TASK_REVOKED' }), signal)
  }

  /** Everything that waits for the task is notified too: its chord, the steps after it. */
  #followOf({ job }: Claim): Follow {
    return (exception, state) => this.#core.followUps.failure(job.call, exception, null, state)
  }
}
