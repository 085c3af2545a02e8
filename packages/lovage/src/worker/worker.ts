import type { Lovage } from '../app/index.js'
import { acceptOf, signerOf } from '../app/sending/index.js'
import { type Broker, type Consumer, workerDirect } from '../broker/index.js'
import { newId } from '../kernel/index.js'
import type { ResultBackend } from '../result/index.js'
import { Autoscaler } from './autoscaler.js'
import type { BootStep, RunningWorker, StopKind } from './boot-step.js'
import { type Claim, Claims } from './claims.js'
import { callErrbacks } from './errbacks.js'
import { followUpPorts } from './follow-up-ports.js'
import { FollowUps } from './follow-ups.js'
import { HandBack } from './hand-back.js'
import { holdingTimes } from './holding-times.js'
import type { WorkerLimits } from './limits/open-limits.js'
import { OutageLog } from './outage-log.js'
import { OwedJoins } from './owed-joins.js'
import { AsyncPool } from './pools/async-pool.js'
import type { Job } from './pools/job.js'
import type { PoolEars, WorkerPool } from './pools/pool.js'
import { Reception } from './reception.js'
import { Refusals } from './refusals.js'
import { Revoker } from './revoker.js'
import { Settler } from './settler.js'
import { Spares } from './spares.js'
import { StartedTracker } from './started-tracker.js'
import { Stopping } from './stopping.js'
import { TaskLog } from './task-log.js'
import { TaskRuns } from './task-runs.js'
import { TimeLimits } from './time-limits.js'
import { unstartedConsumer } from './unstarted-consumer.js'
import { workerEnvironment } from './worker-environment.js'
import { nodeNameOf, type WorkerOptions, type WorkerPorts } from './worker-options.js'

/** Runs tasks until it is stopped. A message is in one of three places: the broker, this worker's hands, or settled. */
export class Worker implements RunningWorker {
  readonly hostname: string
  readonly pool: WorkerPool
  /** How long runs may take; changed here at run time. */
  readonly timeLimits = new TimeLimits()
  readonly limits: WorkerLimits
  readonly autoscaler: Autoscaler | undefined
  /** What the pool tells; `startWorker` hands it over. */
  readonly ears: PoolEars
  readonly #app: Lovage
  readonly #broker: Broker
  readonly #results: ResultBackend | undefined
  readonly #settler: Settler
  readonly #owed: OwedJoins | undefined
  readonly #started: StartedTracker | undefined
  readonly #reception: Reception
  readonly #revoker: Revoker
  readonly #runs: TaskRuns
  readonly #handBack: HandBack
  readonly #prefetchMultiplier: number
  readonly #claims = new Claims()
  readonly #spares: Spares | undefined
  readonly #steps: readonly BootStep[]
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
    this.hostname = nodeNameOf(options)
    const { autoscale } = options
    if (autoscale) this.autoscaler = new Autoscaler(autoscale, { broker, clock, logger })
    this.#steps = [...(options.steps ?? []), ...(this.autoscaler ? [this.autoscaler] : []), ...app.steps]
    const queues = options.queues ?? app.router.declared.map((queue) => queue.name)
    this.#queues = conf.workerDirect ? [...queues, app.router.know(workerDirect(this.hostname))] : queues
    this.pool = options.pool ?? new AsyncPool(options.concurrency ?? conf.workerConcurrency ?? 100, clock)
    this.#stopping = new Stopping(clock, conf)
    this.#prefetchMultiplier = Math.max(1, options.prefetchMultiplier ?? conf.workerPrefetchMultiplier)

    const { hostname, pool, timeLimits } = this
    const claims = this.#claims
    const storesResults = results !== undefined
    const log = new TaskLog(logger)
    const consumer = (): Consumer => this.#consumer
    const onRoom = (): void => this.#goOn()
    const handBack = new HandBack({ claims, limits, consumer, logger, onRoom })
    const followUps = new FollowUps(followUpPorts(app, broker, results))
    const refusals = new Refusals({
      hostname,
      storesResults,
      now: () => clock.now(),
      handsBack: conf.onUnknownTask === 'handBack',
    })
    if (results && conf.taskTrackStarted)
      this.#started = new StartedTracker({ results, clock, logger, hostname, extended: conf.resultExtended })
    const started = this.#started
    const environment = workerEnvironment(app, { hostname, pool, results, started })
    const { updateState, sendEvent } = environment
    this.ears = { onSlots: onRoom, updateState, sendEvent }
    const settler = new Settler({
      broker,
      consumer,
      results,
      clock,
      logger,
      onRefused: (tags) => handBack.lost(tags),
      signals: app.signals,
      followUps,
      callErrbacks: (errbacks) => callErrbacks(errbacks, app.tasks, environment),
    })
    if (results?.joins) this.#owed = new OwedJoins({ joins: results.joins, clock, logger, settler })
    if (pool.isRemote) {
      this.#spares = new Spares({
        claims,
        wanted: () => this.#wanted(),
        handBack: (excess) => void handBack.give(excess),
      })
    }
    const runs = new TaskRuns({
      app,
      pool,
      claims,
      limits,
      timeLimits,
      consumer,
      handBack,
      settler,
      log,
      started,
      plan: {
        hostname,
        followUps,
        storesResults,
        resultExtended: conf.resultExtended,
        delayAtPublish: broker.capabilities.delayAtPublish,
        signerOf: (contentType) => signerOf(conf, contentType),
      },
      onSlot: () => this.#fillSlots(),
      onRoom,
    })
    this.#reception = new Reception({
      app,
      accept: acceptOf(conf),
      refusals,
      followUps,
      environment,
      claims,
      limits,
      settler,
      results,
      log,
      fail: (claim, error) => runs.fail(claim, error),
      onChange: () => {
        this.#fillSlots()
        this.#spares?.watch()
      },
    })
    this.#revoker = new Revoker({
      app,
      claims,
      revokes: limits.revokes,
      pool,
      refusals,
      followUps,
      end: (claim, plan) => runs.end(claim, plan),
    })
    this.#settler = settler
    this.#handBack = handBack
    this.#runs = runs
  }

  get totals(): ReadonlyMap<string, number> {
    return this.#runs.totals
  }
  get processed(): number {
    let sum = 0
    for (const count of this.totals.values()) sum += count
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
    const outages = new OutageLog(() => this.#app.logger, clock)
    this.#owed?.start()
    this.#consumer = await this.#broker.consume({
      queues: this.limits.queues.open(this.#queues),
      holder: `${this.hostname}.${newId()}`,
      node: this.hostname,
      ...holdingTimes(this.#app),
      free: () => this.#free(),
      onDeliveries: (deliveries) => this.#reception.take(deliveries),
      onLost: (tags) => this.#handBack.lost(tags),
      onError: outages.failed,
      onRecovered: outages.recovered,
      clock,
      logger,
      ...(this.#results ? { results: this.#results } : {}),
    })
  }

  /**
   * Ends the worker. Warm: claims nothing more and waits for what runs, at most `workerShutdownTimeout` seconds; soft: at most
   * `workerSoftShutdownTimeout`; then, or at once when cold, what still runs goes back to its queue, no attempt consumed. A stop that
   * takes too long can be made a harder one.
   *
   * @param signal What told it, for those who listen.
   */
  async stop(how: StopKind = 'warm', signal: NodeJS.Signals | null = null): Promise<void> {
    if (this.#stopping.ask(how)) {
      const exitCode = how === 'warm' ? 0 : 1
      this.#app.signals.emit('workerShuttingDown', { hostname: this.hostname, how, signal, exitCode })
    }
    this.#stopped ??= this.#end()
    await this.#stopped
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('warm')
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
      this.#app.logger.error({ err: error }, 'cannot change the queues that are consumed')
    this.#consumer.setQueues(this.limits.queues.open(this.#queues)).catch(fault)
  }

  async #end(): Promise<void> {
    const { hostname } = this
    const { signals, logger } = this.#app
    // A broker that is away keeps no process from its end: what is held here returns by its lease.
    const fault = (error: unknown): void =>
      logger.error({ err: error }, 'could not end in order: what is held returns to its queue by its lease')
    if (!(await this.#stopping.outlasts(this.#letGo().catch(fault)))) {
      this.#settler.abandon()
      logger.error(
        {},
        'the broker does not answer: what was not settled or handed back returns to its queue by its lease',
      )
    }
    this.#stopping.end()
    const last = this.#stopping.how ?? 'warm'
    await this.pool.stop(last === 'cold' ? 'cold' : 'warm')
    if (!this.pool.isRemote)
      await signals.tell('workerProcessShutdown', { hostname, pid: process.pid, exitCode: 0 })
    this.#started?.stop()
    for (const step of this.#steps.toReversed()) await step.stop?.(this, last)
    await this.limits.stop()
    await this.#consumer.close()
    await signals.tell('workerShutdown', { hostname })
  }

  /** Settles what ends in time, and hands back the rest. */
  async #letGo(): Promise<void> {
    await this.#consumer.pause()
    this.#spares?.stop()
    // What has not begun is somebody else's to begin.
    const unbegun = this.#handBack.interrupt(this.#claims.waiting)
    await Promise.race([this.#claims.none(), this.#stopping.patience])
    // Children are ended before what they run goes back: it must not run here and elsewhere at once.
    const unfinished = this.#handBack.interrupt(this.#claims.all, () =>
      this.pool.isRemote ? this.pool.stop('cold') : undefined,
    )
    await Promise.all([unbegun, unfinished])
    await this.#owed?.stop()
    await this.#settler.drain()
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
      if (!this.#revoker.drops(claim)) this.#runs.handOver(claim)
    }
  }
}
