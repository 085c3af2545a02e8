import { performance } from 'node:perf_hooks'
import { failure } from '../app/running/index.js'
import type { Outcome, TaskContext } from '../app/tasks/index.js'
import { crashPoint } from '../kernel/index.js'
import { callHandlers } from './call-handlers.js'
import { type Claim, isHeld } from './claim.js'
import type { HandBack } from './hand-back.js'
import type { Job } from './pools/job.js'
import type { WorkerPool } from './pools/pool.js'
import type { Refused } from './refused.js'
import { finalOutcome, type PlanSettings, planSettlement } from './settle-plan.js'
import type { Settler } from './settler.js'
import { type RunJob, withMiddleware } from './with-middleware.js'
import type { WorkerCore } from './worker-core.js'

type Core = Pick<WorkerCore, 'app' | 'claims' | 'consumer' | 'line' | 'pool' | 'started' | 'timeLimits'>

/** A claim's path from its slot to its settlement. */
export class TaskRuns {
  readonly #core: Core
  readonly #settler: Settler
  readonly #handBack: HandBack
  readonly #plan: PlanSettings
  readonly #runJob: (claim: Claim) => ReturnType<WorkerPool['run']>

  constructor(core: Core, settler: Settler, handBack: HandBack, plan: PlanSettings) {
    this.#core = core
    this.#settler = settler
    this.#handBack = handBack
    this.#plan = plan
    const { app, claims, pool, timeLimits } = core
    if (pool.isRemote) {
      // Children wrap their runs themselves.
      this.#runJob = (claim) =>
        pool.run(claim.job, timeLimits.of(claim.job), (pid) => claims.begun(claim, pid))
    } else {
      // A pool without children runs any job.
      const run: RunJob = (job: Job) => pool.run(job, timeLimits.of(job)) as Outcome | Promise<Outcome>
      const wrapped = withMiddleware(app.middleware, run)
      this.#runJob = ({ job }) => wrapped(job)
    }
  }

  /** Hands a claim that has a slot over to the pool. */
  handOver(claim: Claim): void {
    const { delivery, job } = claim
    if (job.task.options.acksLate !== false) return this.#run(claim)
    const { app, consumer } = this.#core
    // Early ack: the message is gone from the broker before user code runs, so that it can never run twice.
    consumer.settle([{ tag: delivery.tag, kind: 'ack' }]).then(
      (refused) => (refused.length > 0 ? this.#handBack.lost(refused) : this.#run(claim)),
      (error: unknown) => {
        app.logger.error(
          { err: error, task_id: job.context.id },
          'could not acknowledge early; the task is not run',
        )
        this.#handBack.lost([delivery.tag])
      },
    )
  }

  /** Ends a claim as failed, without a run. */
  fail(claim: Claim, error: unknown): void {
    this.#finish(claim, failure(claim.job.task, error))
  }

  /** Ends a claim that may not run, or not continue. */
  endUnrun(claim: Claim, why: Refused): void {
    const { claims } = this.#core
    const after = claims.end(claim, undefined, 0)
    const told = claims.refuse(claim.delivery, why)
    const released = after && told ? Promise.all([after, told]).then(() => {}) : (after ?? told)
    this.#afterStarted(claim.job.context, () => this.#settler.add(why.plan, released, claim))
  }

  #run(claim: Claim): void {
    const { job } = claim
    const { claims, pool, started } = this.#core
    crashPoint('run:before')
    claims.handedOver(claim)
    const { trackStarted, abortable } = job.task.options
    // STARTED would hide the request to abort.
    if (trackStarted !== false && !abortable && !job.context.ignoreResult) started?.started(job.context)
    if (!pool.isRemote) claims.begun(claim)
    const outcome = this.#runJob(claim)
    if (outcome instanceof Promise) outcome.then((ended) => this.#finish(claim, ended))
    else this.#finish(claim, outcome)
  }

  #finish(claim: Claim, outcome: Outcome | undefined): void {
    crashPoint('run:after')
    // Otherwise handed back by a shutdown, or lost to another worker, which settles it.
    if (!isHeld(claim)) return
    this.#afterStarted(claim.job.context, () =>
      outcome
        ? this.#conclude(claim, outcome)
        : void this.#handBack.give([claim]).then(() => this.#core.line.goOn()),
    )
  }

  /** A task's STARTED, if in flight, must not arrive after its end. */
  #afterStarted(context: TaskContext, end: () => void): void {
    const late = this.#core.started?.finished(context)
    if (late) void late.then(end)
    else end()
  }

  #conclude(claim: Claim, ended: Outcome): void {
    const { app, claims, line, pool } = this.#core
    if (!isHeld(claim)) return
    const { job, delivery, startedAt } = claim
    const { context, message, call, task } = job
    const nowMs = app.clock.now()
    const ackedEarly = task.options.acksLate === false
    const outcome = finalOutcome(task, ended, { ackedEarly, redeliveries: delivery.redeliveries })
    const plan = planSettlement({ delivery, message, call, context, outcome, ackedEarly, nowMs }, this.#plan)
    const after = claims.end(claim, outcome, startedAt === 0 ? 0 : performance.now() - startedAt)
    if (!pool.isRemote) void callHandlers(job, outcome, app.logger)
    this.#settler.add(plan, after, claim)
    line.fill()
  }
}
