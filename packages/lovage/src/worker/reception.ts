import type { Lovage } from '../app/index.js'
import type { RunEnvironment } from '../app/tasks/index.js'
import type { Delivery, Settlement } from '../broker/index.js'
import { crashPoint } from '../kernel/index.js'
import type { AcceptList } from '../message/index.js'
import type { ResultBackend } from '../result/index.js'
import type { Claim, Claims } from './claims.js'
import type { FollowUps } from './follow-ups.js'
import { type Intake, type IntakePorts, takeIn } from './intake.js'
import type { WorkerLimits } from './limits/open-limits.js'
import type { Refusals } from './refusals.js'
import type { Settler } from './settler.js'
import type { TaskLog } from './task-log.js'
import { tellIntake } from './tell-intake.js'

/** What reception works with. */
export interface ReceptionPorts {
  readonly app: Lovage
  readonly accept: AcceptList
  readonly refusals: Refusals
  readonly followUps: FollowUps
  readonly environment: RunEnvironment
  readonly claims: Claims
  readonly limits: WorkerLimits
  readonly settler: Settler
  /** undefined = results are not kept. */
  readonly results: ResultBackend | undefined
  readonly log: TaskLog
  /** Ends a task that is held as failed, without a run. */
  readonly fail: (claim: Claim, error: unknown) => void
  /** Tasks stand in line, or left it: slots may be filled and more may be claimed. */
  readonly onChange: () => void
}

/** Takes deliveries in: into the line of tasks to run, or aside with the plan that says why not. */
export class Reception {
  readonly #ports: ReceptionPorts
  readonly #intake: IntakePorts

  constructor(ports: ReceptionPorts) {
    this.#ports = ports
    const { app, accept, limits } = ports
    this.#intake = {
      ...ports,
      isRevoked: (headers) => limits.revokes.of(headers) !== undefined,
      // Made once: every message is read with it.
      reading: { accept, maxBytes: app.conf.messageMaxBytes, integers: app.conf.integers },
    }
  }

  /** Takes over what was claimed. */
  take(deliveries: readonly Delivery[]): void {
    crashPoint('claim:after')
    const { app, settler, onChange } = this.#ports
    const limited: Claim[] = []
    const doubtful: Claim[] = []
    for (const delivery of deliveries) {
      try {
        const claim = this.#accepted(delivery, takeIn(delivery, this.#intake))
        if (claim && this.#isDoubtful(claim)) doubtful.push(claim)
        else if (claim && !this.#proceed(claim)) limited.push(claim)
      } catch (error) {
        // A fault of ours: the message stays claimed and comes back by its lease, counted, so that it cannot loop.
        app.logger.error(
          { err: error, tag: delivery.tag },
          'could not take a message in; it returns to its queue',
        )
        app.signals.emit('taskInternalError', { headers: undefined, error })
        const settlement = { tag: delivery.tag, kind: 'requeue', counts: true } as const
        settler.add({ publish: [], results: [], settlement, state: null })
      }
    }
    if (limited.length > 0) void this.#admitLimited(limited)
    if (doubtful.length > 0) void this.#admitDoubtful(doubtful)
    onChange()
  }

  /** Holds a delivery's task, or carries out why not. */
  #accepted(delivery: Delivery, intake: Intake): Claim | undefined {
    const { app, claims, limits, settler } = this.#ports
    if (intake.kind === 'job') {
      return claims.hold(delivery, intake.job, app.clock.now())
    }
    tellIntake(app, delivery, intake)
    // One that goes back for a while has not ended.
    const hasEnded = intake.plan.state !== null && intake.headers !== undefined
    settler.add(intake.plan, hasEnded ? limits.discarded(intake.headers) : undefined)
    return undefined
  }

  /** Takes a task into the line; false when it has limits, which have to be asked. */
  #proceed(claim: Claim): boolean {
    if (this.#ports.limits.concerns(claim.job, claim.delivery.queue)) return false
    this.#queueUp(claim)
    return true
  }

  /** Whether it may have run to its end before: `workerDeduplicateSuccessfulTasks`. */
  #isDoubtful({ delivery, job }: Claim): boolean {
    const { app, results } = this.#ports
    const cameBefore = delivery.redeliveries > 0 || job.message.redelivered
    return app.conf.workerDeduplicateSuccessfulTasks && results !== undefined && cameBefore
  }

  /** What has a SUCCESS is not run again. When results cannot be asked it is: at least once is what is promised. */
  async #admitDoubtful(doubtful: readonly Claim[]): Promise<void> {
    const { app, claims, settler, results, onChange } = this.#ports
    const records = await results?.get(doubtful.map(({ job }) => job.context.id)).catch((error: unknown) => {
      app.logger.warn({ err: error }, 'cannot ask whether redelivered tasks have run; they run')
      return []
    })
    const done = new Set(records?.flatMap(({ id, state }) => (state === 'SUCCESS' ? [id] : [])))
    const limited: Claim[] = []
    for (const claim of doubtful) {
      const { context } = claim.job
      if (!done.has(context.id)) {
        if (!this.#proceed(claim)) limited.push(claim)
      } else if (claims.remove(claim)) {
        app.logger.info(
          { task_id: context.id, task_name: context.name },
          `Task ${context.name}[${context.id}] came again and has succeeded before: it is not run`,
        )
        settler.add({
          publish: [],
          results: [],
          settlement: { tag: claim.delivery.tag, kind: 'ack' },
          state: null,
        })
      }
    }
    if (limited.length > 0) await this.#admitLimited(limited)
    onChange()
  }

  #queueUp(claim: Claim): void {
    const { app, claims, log } = this.#ports
    if (!claims.queueUp(claim)) return
    const { context } = claim.job
    this.#ports.limits.guards.took(claim.job)
    log.received(context)
    if (app.signals.has('taskReceived'))
      app.signals.emit('taskReceived', { headers: context.wireHeaders, queue: claim.delivery.queue })
  }

  /** A later call of the same key has taken this one's place. */
  #supersede({ delivery, job }: Claim): void {
    const { app, refusals, settler } = this.#ports
    const headers = job.context.wireHeaders
    const plan = refusals.revoked(delivery, headers, 'superseded')
    tellIntake(app, delivery, { kind: 'revoked', plan, headers, why: 'superseded' })
    settler.add(plan)
  }

  /** What may not run now steps aside. When the limits cannot be asked nothing runs, so that none is exceeded. */
  async #admitLimited(limited: readonly Claim[]): Promise<void> {
    const { app, claims, limits, settler, log, onChange } = this.#ports
    const nowMs = app.clock.now()
    const admittances = await limits
      .admit(limited.map(({ job, delivery }) => ({ job, queue: delivery.queue })))
      .catch((error: unknown) => {
        app.logger.error({ err: error }, 'cannot ask for limits; limited tasks wait')
        return limited.map(() => ({ kind: 'postpone', untilMs: nowMs + 1000 }) as const)
      })
    // Back to the head of a queue the last one goes first, so that their order stays.
    for (const [place, claim] of [...limited.entries()].reverse()) {
      const verdict = admittances[place] ?? { kind: 'requeue' }
      const { tag } = claim.delivery
      if (verdict.kind === 'run') {
        // Given up while it was asked: nobody else would give back what it was granted.
        if (!claim.isHeld) limits.lost(claim.job)
        continue
      }
      if (verdict.kind === 'fail') {
        this.#ports.fail(claim, verdict.error)
        continue
      }
      if (!claims.remove(claim)) continue
      if (verdict.kind === 'postpone') log.limited(claim.job.context, verdict.untilMs)
      if (verdict.kind === 'superseded') {
        this.#supersede(claim)
        continue
      }
      const settlement: Settlement =
        verdict.kind === 'requeue' ? { tag, kind: 'requeue', counts: false } : { tag, ...verdict }
      settler.add({ publish: [], results: [], settlement, state: null })
    }
    for (const claim of limited) this.#queueUp(claim)
    onChange()
  }
}
