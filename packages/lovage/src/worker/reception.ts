import { acceptOf } from '../app/sending/index.js'
import type { Delivery, Settlement } from '../broker/index.js'
import { crashPoint } from '../kernel/index.js'
import { encodeJson } from '../message/index.js'
import type { TaskResult } from '../result/index.js'
import { type Claim, isHeld } from './claim.js'
import { NO_FOLLOW_UP } from './follow-ups.js'
import { InflatedBodies } from './inflated-bodies.js'
import { type Intake, type Reading, takeIn } from './intake.js'
import { Redeliveries } from './redeliveries.js'
import type { SettlePlan } from './settle-plan.js'
import type { Settler } from './settler.js'
import { Suspects } from './suspects.js'
import type { TaskLog } from './task-log.js'
import type { TaskRuns } from './task-runs.js'
import type { WorkerCore } from './worker-core.js'

/** When a compressed message is retried while held tasks use up the whole decompression budget. */
const LATER_MS = 1000

type Core = Pick<
  WorkerCore,
  | 'app'
  | 'claims'
  | 'consumer'
  | 'pool'
  | 'limits'
  | 'line'
  | 'results'
  | 'refusals'
  | 'followUps'
  | 'environment'
  | 'hostname'
>

/** Takes deliveries in: into the line of tasks to run, or aside with the plan that says why not. */
export class Reception {
  readonly #core: Core
  readonly #settler: Settler
  readonly #runs: Pick<TaskRuns, 'fail' | 'endUnrun'>
  readonly #log: TaskLog
  readonly #suspects: Suspects
  readonly #redeliveries: Redeliveries
  readonly #reading: Reading
  readonly #inflated: InflatedBodies

  constructor(core: Core, settler: Settler, runs: Pick<TaskRuns, 'fail' | 'endUnrun'>, log: TaskLog) {
    this.#core = core
    this.#settler = settler
    this.#runs = runs
    this.#log = log
    this.#suspects = new Suspects(core)
    this.#redeliveries = new Redeliveries(core)
    core.claims.observe(this.#suspects, this.#redeliveries)
    const { app, refusals, followUps, environment, limits } = core
    const { conf } = app
    this.#inflated = new InflatedBodies(conf.workerMaxDecompressedBytes)
    this.#reading = {
      app,
      refusals,
      followUps,
      environment,
      isRevoked: (headers) => limits.revokes.of(headers) !== undefined,
      // Created once: every message is read with it.
      options: {
        accept: acceptOf(conf),
        maxBytes: conf.messageMaxBytes,
        maxInflatedBytes: conf.messageMaxDecompressedBytes,
        onInflated: (bytes) => this.#inflated.came(bytes),
        integers: conf.integers,
      },
    }
  }

  /** Takes over claimed deliveries. */
  take(deliveries: readonly Delivery[]): void {
    crashPoint('claim:after')
    const { app, line } = this.#core
    const noted: Claim[] = []
    const limited: Claim[] = []
    const doubtful: Claim[] = []
    const suspects: Claim[] = []
    for (const delivery of deliveries) {
      try {
        if (this.#inflated.isTooMuch(delivery.message)) {
          const untilMs = app.clock.now() + LATER_MS
          const settlement = { tag: delivery.tag, kind: 'postpone', untilMs } as const
          this.#settler.add({ publish: [], results: [], settlement, state: null })
          continue
        }
        const claim = this.#accepted(delivery, takeIn(delivery, this.#reading))
        this.#inflated.holds(claim)
        if (!claim) continue
        if (this.#redeliveries.concerns(delivery)) noted.push(claim)
        else if (this.#isDoubtful(claim)) doubtful.push(claim)
        else if (this.#suspects.concerns(delivery)) suspects.push(claim)
        else if (!this.#proceed(claim)) limited.push(claim)
      } catch (error) {
        // A fault of ours: the message stays claimed and comes back by its lease, counted, so that it cannot loop.
        app.logger.error(
          { err: error, tag: delivery.tag },
          'could not process a message; it returns to its queue',
        )
        app.signals.emit('taskInternalError', { headers: undefined, error })
        const settlement = { tag: delivery.tag, kind: 'requeue', counts: true } as const
        this.#settler.add({ publish: [], results: [], settlement, state: null })
      }
    }
    if (limited.length > 0) void this.#admitLimited(limited)
    if (doubtful.length > 0) void this.#admitDoubtful(doubtful)
    if (suspects.length > 0) void this.#admitSuspects(suspects)
    if (noted.length > 0) void this.#admitNoted(noted)
    line.fill()
  }

  /** Tasks that have lost several workers: that is known to others before they run. */
  async #admitNoted(noted: readonly Claim[]): Promise<void> {
    await this.#redeliveries.note(noted)
    const held = noted.filter(isHeld)
    const doubtful = held.filter((claim) => this.#isDoubtful(claim))
    if (doubtful.length > 0) void this.#admitDoubtful(doubtful)
    const others = held.filter((claim) => !this.#isDoubtful(claim))
    const suspects = others.filter(({ delivery }) => this.#suspects.concerns(delivery))
    if (suspects.length > 0) void this.#admitSuspects(suspects)
    const limited = others.filter((claim) => !suspects.includes(claim) && !this.#proceed(claim))
    if (limited.length > 0) await this.#admitLimited(limited)
    this.#core.line.fill()
  }

  /** Holds a delivery's task, or carries out the plan that rejects it. */
  #accepted(delivery: Delivery, intake: Intake): Claim | undefined {
    const { app, claims } = this.#core
    if (intake.kind === 'job') return claims.take(delivery, intake.job, app.clock.now())
    this.#settler.add(intake.plan, claims.refuse(delivery, intake))
    return undefined
  }

  /** Puts a task into the line; false if it has limits, which must be checked. */
  #proceed(claim: Claim): boolean {
    if (this.#core.limits.concerns(claim)) return false
    this.#core.claims.queueUp(claim)
    return true
  }

  /** Whether it may have completed before: `workerDeduplicateSuccessfulTasks`. */
  #isDoubtful({ delivery, job }: Claim): boolean {
    const { app, results } = this.#core
    const cameBefore = delivery.redeliveries > 0 || job.message.redelivered
    return app.conf.workerDeduplicateSuccessfulTasks && results !== undefined && cameBefore
  }

  /** A task with a stored SUCCESS is not run again. If results cannot be read it is: the promise is at least once. */
  async #admitDoubtful(doubtful: readonly Claim[]): Promise<void> {
    const { app, claims, line, results } = this.#core
    const records = await results?.get(doubtful.map(({ job }) => job.context.id)).catch((error: unknown) => {
      app.logger.warn({ err: error }, 'cannot check whether redelivered tasks have run; they run again')
      return []
    })
    const done = new Map(records?.flatMap((one) => (one.state === 'SUCCESS' ? [[one.id, one] as const] : [])))
    const limited: Claim[] = []
    const suspects: Claim[] = []
    for (const claim of doubtful) {
      const { context } = claim.job
      const success = done.get(context.id)
      if (!success) {
        if (this.#suspects.concerns(claim.delivery)) suspects.push(claim)
        else if (!this.#proceed(claim)) limited.push(claim)
      } else if (isHeld(claim)) {
        const after = claims.end(claim, undefined, 0)
        app.logger.info(
          { task_id: context.id, task_name: context.name },
          `Task ${context.name}[${context.id}] was redelivered but has already succeeded: it is not run again`,
        )
        const settlement = { tag: claim.delivery.tag, kind: 'ack' } as const
        const plan = { publish: [], results: [], settlement, state: null }
        this.#settler.add({ ...plan, ...this.#continuation(claim, success) }, after, claim)
      }
    }
    if (limited.length > 0) await this.#admitLimited(limited)
    if (suspects.length > 0) await this.#admitSuspects(suspects)
    line.fill()
  }

  /**
   * What may not have followed a stored success: its worker may have died before it went on. A result that names children has done so;
   * a chord counts each member once.
   */
  #continuation({ job: { call } }: Claim, success: TaskResult): Partial<SettlePlan> {
    const { app, followUps } = this.#core
    try {
      const followUp = followUps.success(call, success.result, encodeJson(success.result))
      return success.children.length > 0
        ? { followUp: { ...NO_FOLLOW_UP, parts: followUp.parts } }
        : { publish: followUp.publish, followUp }
    } catch (error) {
      app.logger.error(
        { err: error, task_id: call.headers.id },
        'cannot send what follows a task that came again',
      )
      return {}
    }
  }

  async #admitSuspects(suspects: readonly Claim[]): Promise<void> {
    const chosen = await this.#suspects.choose(suspects)
    if (chosen && !this.#proceed(chosen)) await this.#admitLimited([chosen])
    this.#core.line.fill()
  }

  /** A later call with the same key has replaced this one. */
  #supersede(claim: Claim): void {
    const { delivery, job } = claim
    const headers = job.context.wireHeaders
    const plan = this.#core.refusals.revoked(delivery, headers, 'superseded')
    this.#runs.endUnrun(claim, { kind: 'revoked', plan, headers, why: 'superseded' })
  }

  /** Tasks that may not run now step aside. When the limits cannot be checked nothing runs, so that none is exceeded. */
  async #admitLimited(limited: readonly Claim[]): Promise<void> {
    const { app, claims, limits, line } = this.#core
    const nowMs = app.clock.now()
    const admittances = await limits.admit(limited).catch((error: unknown) => {
      app.logger.error({ err: error }, 'cannot check limits; limited tasks wait')
      return limited.map(() => ({ kind: 'postpone', untilMs: nowMs + 1000 }) as const)
    })
    // They return to the head of a queue, the last one first, so that their order is kept.
    for (const [place, claim] of [...limited.entries()].reverse()) {
      const verdict = admittances[place] ?? { kind: 'requeue' }
      if (verdict.kind === 'run' || !isHeld(claim)) continue
      if (verdict.kind === 'fail') this.#runs.fail(claim, verdict.error)
      else if (verdict.kind === 'superseded') this.#supersede(claim)
      else {
        claims.return(claim, 'postponed')
        if (verdict.kind === 'postpone') this.#log.limited(claim.job.context, verdict.untilMs)
        const { tag } = claim.delivery
        const settlement: Settlement =
          verdict.kind === 'requeue' ? { tag, kind: 'requeue', counts: false } : { tag, ...verdict }
        this.#settler.add({ publish: [], results: [], settlement, state: null })
      }
    }
    for (const claim of limited) claims.queueUp(claim)
    line.fill()
  }
}
