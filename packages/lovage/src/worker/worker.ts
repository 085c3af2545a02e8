import { hostname as machineName } from 'node:os'
import { performance } from 'node:perf_hooks'
import {
  acceptOf,
  failure,
  type Lovage,
  type Outcome,
  type RunEnvironment,
  signerOf,
  type TaskContext,
} from '../app/index.js'
import { type Broker, type Consumer, workerDirect } from '../broker/index.js'
import { crashPoint, type Logger, newId } from '../kernel/index.js'
import type { ResultBackend } from '../result/index.js'
import { Autoscaler } from './autoscaler.js'
import type { BootStep, RunningWorker, StopKind } from './boot-step.js'
import { callHandlers } from './call-handlers.js'
import { type Claim, Claims } from './claims.js'
import { callErrbacks } from './errbacks.js'
import { followUpPorts } from './follow-up-ports.js'
import { FollowUps } from './follow-ups.js'
import { holdingTimes } from './holding-times.js'
import { addToChord } from './join-settler.js'
import type { WorkerLimits } from './limits/open-limits.js'
import { OwedJoins } from './owed-joins.js'
import { AsyncPool } from './pools/async-pool.js'
import type { Job } from './pools/job.js'
import type { PoolEars, WorkerPool } from './pools/pool.js'
import { Reception } from './reception.js'
import { Refusals } from './refusals.js'
import { Revoker } from './revoker.js'
import { finalOutcome, type PlanSettings, planSettlement } from './settle-plan.js'
import { Settler } from './settler.js'
import { Spares } from './spares.js'
import { StartedTracker } from './started-tracker.js'
import { stepMarks } from './step-marks.js'
import { Stopping } from './stopping.js'
import { TaskLog } from './task-log.js'
import { storeOwnState } from './task-states.js'
import { tellOutcome } from './tell-outcome.js'
import { TimeLimits } from './time-limits.js'
import { unstartedConsumer } from './unstarted-consumer.js'
import { type RunJob, withMiddleware } from './with-middleware.js'
import type { WorkerOptions, WorkerPorts } from './worker-options.js'

/** Runs tasks until it is stopped. A message is in one of three places: the broker, this worker's hands, or settled. */
export class Worker implements RunningWorker {
  readonly hostname: string
  readonly pool: WorkerPool
  /** How long runs may take; changed here at run time. */
  readonly timeLimits = new TimeLimits()
  readonly limits: WorkerLimits
  readonly autoscaler: Autoscaler | undefined
  readonly #app: Lovage
  readonly #broker: Broker
  readonly #logger: Logger
  readonly #log: TaskLog
  readonly #results: ResultBackend | undefined
  readonly #settler: Settler
  readonly #followUps: FollowUps
  readonly #owed: OwedJoins | undefined
  readonly #started: StartedTracker | undefined
  readonly #environment: RunEnvironment
  readonly #reception: Reception
  readonly #revoker: Revoker
  readonly #prefetchMultiplier: number
  readonly #plan: PlanSettings
  readonly #claims = new Claims()
  readonly #spares: Spares | undefined
  readonly #totals = new Map<string, number>()
  readonly #steps: readonly BootStep[]
  readonly #runJob: (job: Job) => ReturnType<WorkerPool['run']>
  readonly #stopping: Stopping
  #queues: readonly string[]
  #consumer: Consumer = unstartedConsumer
  #stopped: Promise<void> | undefined

  constructor(app: Lovage, { broker, results, limits }: WorkerPorts, options: WorkerOptions) {
    const { conf, clock, logger } = app
    this.#app = app
    this.#broker = broker
    this.#results = results
    this.limits = limits
    this.hostname = options.hostname ?? `celery@${machineName()}`
    const { autoscale } = options
    if (autoscale) this.autoscaler = new Autoscaler(autoscale, { broker, clock, logger })
    this.#steps = [...(options.steps ?? []), ...(this.autoscaler ? [this.autoscaler] : []), ...app.steps]
    const queues = options.queues ?? app.router.declared.map((queue) => queue.name)
    this.#queues = app.conf.workerDirect ? [...queues, app.router.know(workerDirect(this.hostname))] : queues
    this.pool = options.pool ?? new AsyncPool(options.concurrency ?? conf.workerConcurrency ?? 100, clock)
    this.#stopping = new Stopping(clock)
    this.#prefetchMultiplier = Math.max(1, options.prefetchMultiplier ?? conf.workerPrefetchMultiplier)
    this.#logger = logger
    this.#log = new TaskLog(logger)
    const { hostname } = this
    this.#followUps = new FollowUps(followUpPorts(app, broker, results !== undefined))
    this.#plan = {
      hostname,
      followUps: this.#followUps,
      storesResults: results !== undefined,
      resultExtended: conf.resultExtended,
      delayAtPublish: broker.capabilities.delayAtPublish,
      signer: signerOf(conf),
    }
    const refusals = new Refusals({
      hostname,
      storesResults: results !== undefined,
      now: () => clock.now(),
      handsBack: conf.onUnknownTask === 'handBack',
    })
    this.#environment = {
      logger,
      hostname,
      isEager: false,
      slots: () => this.pool.slots,
      updateState: (context, state, meta) => {
        if (state === 'PROGRESS') app.signals.emit('taskProgress', { context, meta })
        return storeOwnState(context, state, meta, {
          results,
          started: this.#started,
          extendedBy: conf.resultExtended ? hostname : undefined,
        })
      },
      sendEvent: (context, type, fields) => app.signals.emit('taskEvent', { context, type, fields }),
      addToChord: (context, canvas, place) => addToChord(app, context, canvas, place),
      ...(results ? { results: async () => results } : {}),
      steps: stepMarks(app),
    }
    this.#settler = new Settler({
      broker,
      consumer: () => this.#consumer,
      results,
      clock,
      logger,
      onRefused: (tags) => this.#lost(tags),
      signals: app.signals,
      followUps: this.#followUps,
      callErrbacks: (errbacks) => callErrbacks(errbacks, app.tasks, this.#environment),
    })
    this.#owed =
      results?.joins && new OwedJoins({ joins: results.joins, clock, logger, settler: this.#settler })
    if (results && conf.taskTrackStarted)
      this.#started = new StartedTracker({ results, clock, logger, hostname, extended: conf.resultExtended })
    if (this.pool.isRemote) {
      this.#spares = new Spares({
        claims: this.#claims,
        wanted: () => this.#wanted(),
        handBack: (claims) => void this.#giveBack(claims),
      })
    }
    const run = (job: Job) => this.pool.run(job, this.timeLimits.of(job), () => this.#begun(job))
    // Children wrap their runs themselves; pools without them run whatever they are given.
    this.#runJob = this.pool.isRemote ? run : withMiddleware(app.middleware, run as RunJob)
    const claims = this.#claims
    const settler = this.#settler
    this.#reception = new Reception({
      app,
      accept: acceptOf(conf),
      refusals,
      followUps: this.#followUps,
      environment: this.#environment,
      claims,
      limits,
      settler,
      results,
      log: this.#log,
      fail: (claim, error) => this.#finish(claim, failure(claim.job.task, error)),
      onChange: () => {
        this.#fillSlots()
        this.#spares?.watch()
      },
    })
    this.#revoker = new Revoker({
      app,
      claims,
      revokes: limits.revokes,
      pool: this.pool,
      refusals,
      followUps: this.#followUps,
      end: ({ job }, plan) => {
        this.#ended(job, 0)
        const released = limits.discarded(job.context.wireHeaders)
        this.#afterStarted(job.context, () => settler.add(plan, released))
      },
    })
  }

  get totals(): ReadonlyMap<string, number> {
    return this.#totals
  }
  get processed(): number {
    let sum = 0
    for (const count of this.#totals.values()) sum += count
    return sum
  }
  get active(): readonly Claim[] {
    return this.#claims.running
  }
  get reserved(): readonly Claim[] {
    return this.#claims.waiting
  }
  /** Everything that is not settled yet. */
  get held(): readonly Job[] {
    return this.#claims.all.map(({ job }) => job)
  }
  get queues(): readonly string[] {
    return this.#queues
  }
  /** What the pool tells; `startWorker` hands it over. */
  get ears(): PoolEars {
    return {
      onSlots: () => this.#goOn(),
      updateState: this.#environment.updateState,
      sendEvent: (context, type, fields) => this.#environment.sendEvent?.(context, type, fields),
    }
  }

  async setQueues(queues: readonly string[]): Promise<void> {
    await this.#broker.declare(queues.map((name) => this.#app.router.queue(name)))
    this.#queues = [...queues]
    await this.#consumer.setQueues(this.limits.queues.open(queues))
  }

  async resize(slots: number): Promise<void> {
    await this.pool.resize(slots)
    this.#goOn()
  }

  /** Begins to claim messages; `startWorker` calls it. */
  async consume(): Promise<void> {
    await this.limits.start()
    for (const step of this.#steps) await step.start(this)
    const { clock, logger } = this.#app
    this.#owed?.start()
    this.#consumer = await this.#broker.consume({
      queues: this.limits.queues.open(this.#queues),
      holder: `${this.hostname}.${newId()}`,
      node: this.hostname,
      ...holdingTimes(this.#app),
      free: () => this.#free(),
      onDeliveries: (deliveries) => this.#reception.take(deliveries),
      onLost: (tags) => this.#lost(tags),
      onError: (error) =>
        logger.error({ err: error }, 'the broker connection failed; the worker goes on trying'),
      clock,
      logger,
      ...(this.#results ? { results: this.#results } : {}),
    })
  }

  /**
   * Ends the worker. Warm: claims nothing more and waits for what runs, at most `workerShutdownTimeout` seconds; soft: at most
   * `workerSoftShutdownTimeout`; then, or at once when cold, what still runs goes back to its queue, no attempt consumed. A stop that
   * takes too long can be made a harder one.
   */
  async stop(how: StopKind = 'warm'): Promise<void> {
    this.#stopped ??= this.#end(how)
    this.#stopping.harden(how)
    await this.#stopped
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('warm')
  }

  async #end(how: StopKind): Promise<void> {
    this.#stopping.begin(how, this.#app.conf)
    this.#app.signals.emit('workerShuttingDown', { hostname: this.hostname, how })
    await this.#consumer.pause()
    this.#spares?.stop()
    // What has not begun is somebody else's to begin.
    await this.#handBack(this.#claims.waiting)
    await Promise.race([this.#claims.none(), this.#stopping.patience])
    // Children are ended before what they run goes back: it must not run here and elsewhere at once.
    await this.#handBack(this.#claims.all, () => (this.pool.isRemote ? this.pool.stop('cold') : undefined))
    await this.#owed?.stop()
    await this.#settler.drain()
    const last = this.#stopping.how ?? how
    await this.pool.stop(last === 'cold' ? 'cold' : 'warm')
    if (!this.pool.isRemote)
      await this.#app.signals.tell('workerProcessShutdown', { hostname: this.hostname, exitCode: 0 })
    this.#started?.stop()
    for (const step of this.#steps.toReversed()) await step.stop?.(this, last)
    await this.limits.stop()
    await this.#consumer.close()
    this.#app.signals.emit('workerShutdown', { hostname: this.hostname })
  }

  /** Fills what slots are free, and claims what else there is room for. */
  #goOn(): void {
    this.#fillSlots()
    this.#consumer.demand()
  }

  #free(): number {
    return this.#stopping.how ? 0 : this.#wanted() - this.#claims.size
  }

  /** How many messages are to be held: what the multiplier says, and what the pool takes beyond its slots. */
  #wanted(): number {
    const { slots, capacity } = this.pool
    return slots * this.#prefetchMultiplier + (capacity - slots)
  }

  #fillSlots(): void {
    if (this.#stopping.how === 'cold') return
    for (;;) {
      const claim = this.#claims.next(this.pool, this.#app.clock.now())
      if (!claim) return
      if (!this.#revoker.drops(claim)) this.#handOver(claim)
    }
  }

  /** More is revoked than before. */
  dropRevoked(): void {
    this.#revoker.sweep()
    this.#goOn()
  }

  /** Other queues are open than before. */
  followGate(): void {
    if (this.#stopping.how) return
    const fault = (error: unknown): void =>
      this.#logger.error({ err: error }, 'cannot change the queues that are consumed')
    this.#consumer.setQueues(this.limits.queues.open(this.#queues)).catch(fault)
  }

  #handOver(claim: Claim): void {
    const { delivery, job } = claim
    if (job.task.options.acksLate !== false) return this.#run(claim)
    // Early ack: the message is gone from the broker before user code runs, so that it can never run twice.
    this.#consumer.settle([{ tag: delivery.tag, kind: 'ack' }]).then(
      (refused) => (refused.length > 0 ? this.#lost(refused) : this.#run(claim)),
      (error: unknown) => {
        this.#logger.error(
          { err: error, task_id: job.context.id },
          'could not acknowledge early; the task is not run',
        )
        this.#lost([delivery.tag])
      },
    )
  }

  #run(claim: Claim): void {
    const { job } = claim
    crashPoint('run:before')
    this.limits.guards.begun(job)
    const { trackStarted, abortable } = job.task.options
    // STARTED would hide that somebody has asked it to abort itself.
    if (trackStarted !== false && !abortable) this.#started?.started(job.context)
    if (!this.pool.isRemote) this.#begun(job)
    const outcome = this.#runJob(job)
    if (outcome instanceof Promise) outcome.then((ended) => this.#finish(claim, ended))
    else this.#finish(claim, outcome)
  }

  #begun(job: Job): void {
    if (this.pool.isRemote) this.#claims.begun(job)
    const { context } = job
    if (this.#app.signals.has('taskPrerun')) this.#app.signals.emit('taskPrerun', { context })
  }

  #finish(claim: Claim, outcome: Outcome | undefined): void {
    crashPoint('run:after')
    // Else handed back by a shutdown, or lost to another worker: whoever has it now settles it.
    if (!claim.isHeld) return
    this.#afterStarted(claim.job.context, () =>
      outcome ? this.#conclude(claim, outcome) : void this.#giveBack([claim]).then(() => this.#goOn()),
    )
  }

  /** A task's STARTED, should it be on its way, must not come after its end. */
  #afterStarted(context: TaskContext, end: () => void): void {
    const late = this.#started?.finished(context)
    if (late) void late.then(end)
    else end()
  }

  #conclude(claim: Claim, ended: Outcome): void {
    if (!this.#claims.remove(claim)) return
    const { job, delivery, startedAt } = claim
    const { context, message, call, task } = job
    const nowMs = this.#app.clock.now()
    const ackedEarly = task.options.acksLate === false
    const outcome = finalOutcome(task, ended, ackedEarly)
    const plan = planSettlement({ delivery, message, call, context, outcome, ackedEarly, nowMs }, this.#plan)
    const runtimeMs = startedAt === 0 ? 0 : performance.now() - startedAt
    this.#ended(job, runtimeMs)
    const released = this.limits.ended(job, outcome)
    this.#log.finished(context, outcome, runtimeMs)
    if (!this.pool.isRemote) void callHandlers(job, outcome, this.#logger)
    tellOutcome(this.#app, job, outcome, runtimeMs)
    this.#settler.add(plan, released)
    this.#fillSlots()
  }

  #ended(job: Job, runtimeMs: number): void {
    const { name } = job.task
    this.#totals.set(name, (this.#totals.get(name) ?? 0) + 1)
    this.#leave(job, runtimeMs)
  }

  #leave(job: Job, runtimeMs?: number): void {
    this.limits.tasks
      .left(job, runtimeMs)
      ?.catch((error: unknown) =>
        this.#logger.warn({ err: error }, 'cannot free a slot; it is free when its lease ends'),
      )
  }

  #lost(tags: readonly string[]): void {
    for (const tag of tags) {
      const claim = this.#claims.find(tag)
      if (claim) {
        this.#claims.remove(claim)
        this.limits.lost(claim.job)
      }
      this.#logger.warn(
        { task_id: claim?.job.context.id, task_name: claim?.job.context.name },
        'a message is no longer ours; another worker has it',
      )
    }
    this.#goOn()
  }

  /** Ends what waits or still runs and gives it back; its outcome, should one come, is nobody's any more. */
  async #handBack(which: readonly Claim[], before?: () => Promise<void> | undefined): Promise<void> {
    if (which.length === 0) return
    const settled = this.#giveBack(which, before)
    for (const { job } of which) job.context.abort(new Error('The worker is shutting down.'))
    this.#logger.warn(
      { tasks: which.map(({ job }) => job.context.id) },
      `${which.length} unfinished tasks go back to their queues`,
    )
    await settled
  }

  /** To the head of their queues, no attempt consumed. */
  async #giveBack(which: readonly Claim[], before?: () => Promise<void> | undefined): Promise<void> {
    const settlements = which.flatMap((claim) => {
      const { delivery, job, startedMs } = claim
      this.#claims.remove(claim)
      this.#leave(job)
      this.limits.lost(job)
      const ackedEarly = startedMs !== undefined && job.task.options.acksLate === false
      return ackedEarly ? [] : [{ tag: delivery.tag, kind: 'requeue', counts: false } as const]
    })
    await before?.()
    if (settlements.length > 0) await this.#consumer.settle(settlements)
  }
}
