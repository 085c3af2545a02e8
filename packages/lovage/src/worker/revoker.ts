import { constants } from 'node:os'
import type { Lovage } from '../app/index.js'
import { TaskError } from '../kernel/index.js'
import type { Claim, Claims } from './claims.js'
import type { FollowUps } from './follow-ups.js'
import type { Revokes } from './limits/revokes.js'
import type { WorkerPool } from './pools/pool.js'
import type { Follow, Refusals } from './refusals.js'
import type { SettlePlan } from './settle-plan.js'
import { tellIntake } from './tell-intake.js'

/** What the revoker works with. */
export interface RevokerPorts {
  readonly app: Lovage
  readonly claims: Claims
  readonly revokes: Revokes
  readonly pool: WorkerPool
  readonly refusals: Refusals
  readonly followUps: FollowUps
  /** Carries out how a claim ends without an outcome. */
  readonly end: (claim: Claim, plan: SettlePlan) => void
}

/** Ends tasks that are held here and may not go on: revoked, or too late. */
export class Revoker {
  readonly #ports: RevokerPorts

  constructor(ports: RevokerPorts) {
    this.#ports = ports
  }

  /** Looks through all that is held, because more is revoked than before. */
  sweep(): void {
    const { claims, revokes } = this.#ports
    for (const claim of claims.waiting) this.drops(claim)
    for (const claim of claims.running) {
      const revocation = revokes.of(claim.job.context.wireHeaders)
      if (revocation?.terminate) this.#terminate(claim, revocation.signal ?? 'SIGTERM')
    }
  }

  /** Ends a task that has not begun when it was revoked, or has expired, while it waited. */
  drops(claim: Claim): boolean {
    const { app, claims, revokes, refusals, end } = this.#ports
    const { delivery, job } = claim
    const { wireHeaders: headers, expires } = job.context
    const isExpired = expires !== null && app.clock.now() > expires.getTime()
    const why = revokes.of(headers) ? 'revoked' : isExpired ? 'expired' : undefined
    if (!why || !claims.remove(claim)) return why !== undefined
    const plan = refusals.revoked(delivery, headers, why, this.#followOf(claim))
    tellIntake(app, delivery, { kind: 'revoked', headers, why, plan })
    end(claim, plan)
    return true
  }

  /** Stops a running task and settles it as revoked, whatever it still does. */
  #terminate(claim: Claim, signal: NodeJS.Signals): void {
    const { app, claims, pool, refusals, end } = this.#ports
    const { delivery, job } = claim
    const { wireHeaders: headers, id } = job.context
    if (!claims.remove(claim)) return
    app.logger.warn(
      { task_id: id, task_name: headers.task, state: 'REVOKED', signal },
      `Task ${headers.task}[${id}] terminated`,
    )
    const signum = constants.signals[signal] ?? null
    app.signals.emit('taskRevoked', { headers, terminated: true, signum, expired: false })
    const { settlement, ...rest } = refusals.revoked(delivery, headers, 'terminated', this.#followOf(claim))
    const isOurs = job.task.options.acksLate !== false
    end(claim, isOurs && settlement ? { ...rest, settlement } : rest)
    pool.terminate(id, new TaskError('The task was revoked.', { code: 'LVG_TASK_REVOKED' }), signal)
  }

  /** Whoever waits for the task hears of its end too: its chord, the steps after it. */
  #followOf({ job }: Claim): Follow {
    return (exception, state) => this.#ports.followUps.failure(job.call, exception, null, state)
  }
}
