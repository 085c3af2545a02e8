import { performance } from 'node:perf_hooks'
import type { Lovage } from '../app/index.js'
import { failure } from '../app/running/index.js'
import type { Outcome, TaskContext } from '../app/tasks/index.js'
import type { Consumer } from '../broker/index.js'
import { crashPoint } from '../kernel/index.js'
import { callHandlers } from './call-handlers.js'
import type { Claim, Claims } from './claims.js'
import type { HandBack } from './hand-back.js'
import type { WorkerLimits } from './limits/open-limits.js'
import type { Job } from './pools/job.js'
import type { WorkerPool } from './pools/pool.js'
import { finalOutcome, type PlanSettings, planSettlement, type SettlePlan } from './settle-plan.js'
import type { Settler } from './settler.js'
import type { StartedTracker } from './started-tracker.js'
import type { TaskLog } from './task-log.js'
import { tellOutcome } from './tell-outcome.js'
import type { TimeLimits } from './time-limits.js'
import { type RunJob, withMiddleware } from './with-middleware.js'

/** What runs work with. */
export interface TaskRunsPorts {
  readonly app: Lovage
  readonly pool: WorkerPool
  readonly claims: Claims
  readonly limits: WorkerLimits
  readonly timeLimits: TimeLimits
  readonly consumer: () => Consumer
  readonly handBack: HandBack
  readonly settler: Settler
  readonly plan: PlanSettings
  readonly log: TaskLog
  /** undefined = STARTED is not shown. */
  readonly started: StartedTracker | undefined
  /** A slot is free for what stands in line. */
  readonly onSlot: () => void
  /** There is room for more than before. */
  readonly onRoom: () => void
}

/** The way of a claim from its slot to its settlement. */
export class TaskRuns {
  readonly #ports: TaskRunsPorts
  readonly #totals = new Map<string, number>()
  readonly #runJob: (job: Job) => ReturnType<WorkerPool['run']>

  constructor(ports: TaskRunsPorts) {
    this.#ports = ports
    const { app, pool, timeLimits } = ports
    const run = (job: Job) => pool.run(job, timeLimits.of(job), () => this.#begun(job))
    // Children wrap their runs themselves; pools without them run whatever they are given.
    this.#runJob = pool.isRemote ? run : withMiddleware(app.middleware, run as RunJob)
  }

  /** How many tasks of each name have ended, whatever their end. */
  get totals(): ReadonlyMap<string, number> {
    return this.#totals
  }

  /** Hands a claim that has a slot over to the pool. */
  handOver(claim: Claim): void {
    const { delivery, job } = claim
    if (job.task.options.acksLate !== false) return this.#run(claim)
    const { app, consumer, handBack } = this.#ports
    // Early ack: the message is gone from the broker before user code runs, so that it can never run twice.
    consumer()
      .settle([{ tag: delivery.tag, kind: 'ack' }])
      .then(
        (refused) => (refused.length > 0 ? handBack.lost(refused) : this.#run(claim)),
        (error: unknown) => {
          app.logger.error(
            { err: error, task_id: job.context.id },
            'could not acknowledge early; the task is not run',
          )
          handBack.lost([delivery.tag])
        },
      )
  }

  /** Ends a claim as failed, without a run. */
  fail(claim: Claim, error: unknown): void {
    this.#finish(claim, failure(claim.job.task, error))
  }

  /** Ends what is held no more by a plan that was made without an outcome. */
  end({ job }: Claim, plan: SettlePlan): void {
    const { limits, settler } = this.#ports
    this.#ended(job, 0)
    const released = limits.discarded(job.context.wireHeaders)
    this.#afterStarted(job.context, () => settler.add(plan, released))
  }

  #run(claim: Claim): void {
    const { job } = claim
    const { limits, pool, started } = this.#ports
    crashPoint('run:before')
    limits.guards.begun(job)
    const { trackStarted, abortable } = job.task.options
    // STARTED would hide that somebody has asked it to abort itself.
    if (trackStarted !== false && !abortable) started?.started(job.context)
    if (!pool.isRemote) this.#begun(job)
    const outcome = this.#runJob(job)
    if (outcome instanceof Promise) outcome.then((ended) => this.#finish(claim, ended))
    else this.#finish(claim, outcome)
  }

  #begun(job: Job): void {
    const { app, claims, pool } = this.#ports
    if (pool.isRemote) claims.begun(job)
    const { context } = job
    if (app.signals.has('taskPrerun')) app.signals.emit('taskPrerun', { context })
  }

  #finish(claim: Claim, outcome: Outcome | undefined): void {
    crashPoint('run:after')
    // Else handed back by a shutdown, or lost to another worker: whoever has it now settles it.
    if (!claim.isHeld) return
    const { handBack, onRoom } = this.#ports
    this.#afterStarted(claim.job.context, () =>
      outcome ? this.#conclude(claim, outcome) : void handBack.give([claim]).then(onRoom),
    )
  }

  /** A task's STARTED, should it be on its way, must not come after its end. */
  #afterStarted(context: TaskContext, end: () => void): void {
    const late = this.#ports.started?.finished(context)
    if (late) void late.then(end)
    else end()
  }

  #conclude(claim: Claim, ended: Outcome): void {
    const { app, claims, limits, log, plan: settings, pool, settler, onSlot } = this.#ports
    if (!claims.remove(claim)) return
    const { job, delivery, startedAt } = claim
    const { context, message, call, task } = job
    const nowMs = app.clock.now()
    const ackedEarly = task.options.acksLate === false
    const outcome = finalOutcome(task, ended, ackedEarly)
    const plan = planSettlement({ delivery, message, call, context, outcome, ackedEarly, nowMs }, settings)
    const runtimeMs = startedAt === 0 ? 0 : performance.now() - startedAt
    this.#ended(job, runtimeMs)
    const released = limits.ended(job, outcome)
    log.finished(context, outcome, runtimeMs)
    if (!pool.isRemote) void callHandlers(job, outcome, app.logger)
    tellOutcome(app, job, outcome, runtimeMs)
    settler.add(plan, released)
    onSlot()
  }

  #ended(job: Job, runtimeMs: number): void {
    const { name } = job.task
    this.#totals.set(name, (this.#totals.get(name) ?? 0) + 1)
    this.#ports.handBack.freeSlot(job, runtimeMs)
  }
}
