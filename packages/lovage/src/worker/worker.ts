import { signerOf } from '../app/sending/index.js'
import { newId } from '../kernel/index.js'
import type { Autoscaler } from './autoscaler.js'
import type { BootStep, RunningWorker } from './boot-step.js'
import type { Claim } from './claim.js'
import { HandBack } from './hand-back.js'
import { holdingTimes } from './holding-times.js'
import type { WorkerLimits } from './limits/worker-limits.js'
import { OutageLog } from './outage-log.js'
import { OwedJoins } from './owed-joins.js'
import type { Job } from './pools/job.js'
import type { PoolListener, WorkerPool } from './pools/pool.js'
import { PutAside } from './put-aside.js'
import { Reception } from './reception.js'
import { Revoker } from './revoker.js'
import { Settler } from './settler.js'
import { Spares } from './spares.js'
import type { Stopping, StopRequest } from './stopping.js'
import { TaskLog } from './task-log.js'
import { TaskRuns } from './task-runs.js'
import { TaskSignals } from './task-signals.js'
import type { TimeLimits } from './time-limits.js'
import { Totals } from './totals.js'
import type { WorkerCore } from './worker-core.js'

/** The parts of a worker other than its core. */
export interface WorkerParts {
  /** The queues to consume, in strict order. */
  readonly queues: readonly string[]
  readonly stopping: Stopping
  readonly autoscaler: Autoscaler | undefined
  /** Steps that start and stop with it. */
  readonly steps: readonly BootStep[]
}

/**
 * Runs tasks until it is stopped. A message is in one of three places: the broker, this worker's hands, or settled.
 *
 * @example
 * import { startWorker } from 'lovage'
 * const worker = await startWorker(app, { concurrency: 20 })
 * process.once('SIGTERM', () => void worker.stop())
 */
export class Worker implements RunningWorker {
  readonly hostname: string
  /** @internal */
  readonly holder: string
  /** @internal */
  readonly pool: WorkerPool
  /** How long runs may take; can be changed at run time. @internal */
  readonly timeLimits: TimeLimits
  /** @internal */
  readonly limits: WorkerLimits
  /** @internal */
  readonly putAside = new PutAside()
  /** @internal */
  readonly autoscaler: Autoscaler | undefined
  readonly #core: WorkerCore
  readonly #settler: Settler
  readonly #owed: OwedJoins | undefined
  readonly #reception: Reception
  readonly #revoker: Revoker
  readonly #handBack: HandBack
  readonly #spares: Spares | undefined
  readonly #totals = new Totals()
  readonly #steps: readonly BootStep[]
  readonly #stopping: Stopping
  #queues: readonly string[]
  #stopped: Promise<void> | undefined

  constructor(core: WorkerCore, { queues, stopping, autoscaler, steps }: WorkerParts) {
    const { app, hostname, pool, results, claims, line, broker } = core
    this.#core = core
    this.hostname = hostname
    this.holder = `${hostname}.${newId()}`
    this.pool = pool
    this.timeLimits = core.timeLimits
    this.limits = core.limits
    this.autoscaler = autoscaler
    this.#queues = queues
    this.#stopping = stopping
    this.#steps = steps
    const { conf } = app
    const log = new TaskLog(app)
    claims.observe(this.#totals, log, new TaskSignals(app, this.putAside))
    this.#settler = new Settler(core)
    this.#handBack = new HandBack(core)
    const runs = new TaskRuns(core, this.#settler, this.#handBack, {
      hostname,
      followUps: core.followUps,
      storesResults: results !== undefined,
      resultExtended: conf.resultExtended,
      delayAtPublish: broker.capabilities.delayAtPublish,
      signerOf: (contentType) => signerOf(conf, contentType),
    })
    this.#revoker = new Revoker(core, runs)
    this.#reception = new Reception(core, this.#settler, runs, log)
    if (results?.joins) this.#owed = new OwedJoins(results.joins, this.#settler, app)
    if (pool.isRemote) this.#spares = new Spares(core, this.#handBack)
    line.open((claim) => {
      if (!this.#revoker.drops(claim)) runs.handOver(claim)
    })
  }

  /** A pool's callbacks to this worker. @internal */
  get listener(): PoolListener {
    const { environment, line } = this.#core
    const { updateState, sendEvent } = environment
    return { onSlots: () => line.goOn(), updateState, sendEvent }
  }
  get totals(): ReadonlyMap<string, number> {
    return this.#totals.byTask
  }
  get processed(): number {
    return this.#totals.sum
  }
  /** @internal */
  get active(): readonly Claim[] {
    return this.#core.claims.running
  }
  /** @internal */
  get reserved(): readonly Claim[] {
    return this.#core.claims.waiting
  }
  /** Messages that are not settled yet. @internal */
  get held(): readonly Job[] {
    return this.#core.claims.all.map(({ job }) => job)
  }
  get queues(): readonly string[] {
    return this.#queues
  }

  async setQueues(queues: readonly string[]): Promise<void> {
    const { app, broker } = this.#core
    await broker.declare(queues.map((name) => app.router.queue(name)))
    this.#queues = [...queues]
    await this.#core.consumer.setQueues(this.limits.queues.open(queues))
  }

  async resize(slots: number): Promise<void> {
    await this.pool.resize(slots)
    this.#core.line.goOn()
  }

  /** @internal */
  async releaseDead(holders: readonly string[]): Promise<void> {
    const { app, consumer } = this.#core
    await consumer.releaseDead(holders)
    app.logger.warn({ holders }, 'the messages of a worker that has died are back in their queues')
  }

  /** Starts claiming messages; `startWorker` calls it. */
  async consume(): Promise<void> {
    const { app, broker, consumer, line, results } = this.#core
    await this.limits.start({ onRevoked: () => this.dropRevoked(), onQueues: () => this.#followGate() })
    for (const step of this.#steps) await step.start(this)
    const { clock, logger } = app
    const outages = new OutageLog(() => app.logger, clock)
    this.#owed?.start()
    const opened = await broker.consume({
      queues: this.limits.queues.open(this.#queues),
      queueOrder: app.conf.queueOrderStrategy,
      holder: this.holder,
      node: this.hostname,
      ...holdingTimes(app),
      free: () => line.free,
      onDeliveries: (deliveries) => {
        this.#reception.take(deliveries)
        this.#spares?.watch()
      },
      onLost: (tags) => this.#handBack.lost(tags),
      onError: outages.failed,
      onRecovered: outages.recovered,
      clock,
      logger,
      ...(results ? { results } : {}),
    })
    consumer.open(opened)
  }

  /**
   * Stops the worker. Warm: claims nothing more and waits for running tasks, at most `workerShutdownTimeout` seconds; soft: at most
   * `workerSoftShutdownTimeout`; then, or at once when cold, unfinished messages go back to their queue, no attempt consumed. A stop that
   * takes too long can be made a harder one. Drain: as warm, but without a limit.
   *
   * @param signal The signal that requested it, for listeners.
   */
  async stop(request: StopRequest = 'warm', signal: NodeJS.Signals | null = null): Promise<void> {
    if (this.#stopping.ask(request)) {
      const how = request === 'drain' ? 'warm' : request
      const exitCode = how === 'warm' ? 0 : 1
      this.#core.app.signals.emit('workerShuttingDown', { hostname: this.hostname, how, signal, exitCode })
    }
    this.#stopped ??= this.#end()
    await this.#stopped
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('warm')
  }

  /** Ends held tasks that may not continue: more are revoked than before. */
  dropRevoked(): void {
    this.#revoker.sweep()
    this.#core.line.goOn()
  }

  #followGate(): void {
    if (this.#stopping.how) return
    const fault = (error: unknown): void =>
      this.#core.app.logger.error({ err: error }, 'cannot change the queues that are consumed')
    this.#core.consumer.setQueues(this.limits.queues.open(this.#queues)).catch(fault)
  }

  async #end(): Promise<void> {
    const { hostname } = this
    const { app, consumer, started } = this.#core
    const { signals, logger } = app
    // A broker that is away does not keep a process from ending: held messages return by their lease.
    const fault = (error: unknown): void =>
      logger.error(
        { err: error },
        'could not shut down cleanly: held messages return to their queues when their leases expire',
      )
    if (!(await this.#stopping.outlasts(this.#letGo().catch(fault)))) {
      this.#settler.abandon()
      logger.error(
        {},
        'the broker does not answer: unsettled messages return to their queues when their leases expire',
      )
    }
    this.#stopping.end()
    const last = this.#stopping.how ?? 'warm'
    await this.pool.stop(last === 'cold' ? 'cold' : 'warm')
    if (!this.pool.isRemote)
      await signals.tell('workerProcessShutdown', { hostname, pid: process.pid, exitCode: 0 })
    started?.stop()
    for (const step of this.#steps.toReversed()) await step.stop?.(this, last)
    await this.limits.stop()
    await consumer.close()
    await signals.tell('workerShutdown', { hostname })
  }

  /** Settles messages that end in time, and hands back the rest. */
  async #letGo(): Promise<void> {
    const { claims, consumer } = this.#core
    await consumer.pause()
    this.#spares?.stop()
    // Tasks that have not started are left for other workers.
    const unbegun = this.#handBack.interrupt(claims.waiting)
    await Promise.race([claims.none(), this.#stopping.patience])
    // Children are ended before their messages go back: a task must not run here and elsewhere at once.
    const unfinished = this.#handBack.interrupt(claims.all, () =>
      this.pool.isRemote ? this.pool.stop('cold') : undefined,
    )
    await Promise.all([unbegun, unfinished])
    await this.#owed?.stop()
    await this.#settler.drain()
  }
}
